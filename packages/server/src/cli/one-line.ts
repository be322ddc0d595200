import { withoutPasswords } from '../without-passwords.ts';

/** An error that we foresaw has a code and a message for people; of any other the stack is wanted. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return withoutPasswords(String(error));
  if ('code' in error) return withoutPasswords(error.message.replaceAll('\n', ' '));
  return withoutPasswords(error.stack ?? error.message);
}
