import { readFile } from 'node:fs/promises';
import type { Channel, Text } from './rule.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A secret that is not there. The message names where it should be, and nothing of what is there. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
  readonly code = 'missing_secret';
}

const FILE_BYTES_MAX = 64 * 1024;

/** The text itself, read anew each time: a secret may be rotated. Rejects with `SecretError`. */
export async function resolveText(text: Text, env: Environment): Promise<string> {
  if (typeof text === 'string') return text;
  if ('env' in text) {
    const value = env[text.env] ?? '';
    if (value === '') throw new SecretError(`the environment variable ${text.env} is not set`);
    return value;
  }
  let content: string;
  try {
    content = await readFile(text.file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SecretError(`the file ${text.file} cannot be read${code === undefined ? '' : ` (${code})`}`);
  }
  const value = content.replace(/\r?\n$/, '');
  if (value === '' || value.length > FILE_BYTES_MAX || /[\r\n\0]/.test(value)) {
    throw new SecretError(`the file ${text.file} does not hold a secret on one line`);
  }
  return value;
}

/** The secrets of channels that are not there now, a line for each. */
export async function missingSecrets(channels: readonly Channel[], env: Environment): Promise<string[]> {
  const missing: string[] = [];
  for (const channel of channels) {
    for (const text of textsOf(channel)) {
      await resolveText(text, env).catch((error: unknown) => {
        if (!(error instanceof SecretError)) throw error;
        missing.push(`channel ${channel.name}: ${error.message}`);
      });
    }
  }
  return missing;
}

function textsOf(channel: Channel): readonly Text[] {
  if (channel.type === 'slack') return [channel.url];
  if (channel.type === 'email') return channel.login === null ? [] : [channel.login.password];
  const { url, headers, secret } = channel;
  return [url, ...Object.values(headers), ...(secret === null ? [] : [secret])];
}
