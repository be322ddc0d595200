/** An error that we foresaw has a code and a message for people; of any other the stack is wanted. */
export function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error) return error.message.replaceAll('\n', ' ');
  return error.stack ?? error.message;
}
