import { readFileSync } from 'node:fs';
import type { Config } from './config.ts';
import { ConfigError } from './setting.ts';
import { unreadable } from './unreadable.ts';

/** A file that is larger holds no password. */
const FILE_BYTES_MAX = 64 * 1024;

/**
 * The URLs of the ClickHouse servers with the password of `storePasswordFile` in them, or `embedded`. ClickHouse's user
 * is `default` where a URL names none. Throws a ConfigError for a file that cannot be read.
 */
export function storeUrls({ store, storePasswordFile, sources }: Config): Config['store'] {
  if (store === 'embedded' || storePasswordFile === '') return store;
  const password = readPassword(storePasswordFile, sources.get('storePasswordFile') ?? '');
  return store.map((text) => {
    const url = new URL(text);
    if (url.username === '') url.username = 'default';
    url.password = encodeURIComponent(password);
    return url.href;
  });
}

function readPassword(path: string, source: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigError(`password file ${path} (${source}) ${unreadable(error)}`, { cause: error });
  }
  const password = bytes.toString('utf8').replace(/\r?\n$/, '');
  const isPassword = bytes.length <= FILE_BYTES_MAX && password !== '' && !/[\r\n\0]/.test(password);
  if (isPassword) return password;
  throw new ConfigError(`password file ${path} (${source}) holds no password; expected one line with the password`);
}
