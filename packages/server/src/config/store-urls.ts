import { readFileSync } from 'node:fs';
import { certificatesIn, passwordIn } from '../storage/cluster/store-files.ts';
import type { Config } from './config.ts';
import { ConfigError } from './setting.ts';
import { unreadable } from './unreadable.ts';

/**
 * The URLs of the ClickHouse servers with the password of `storePasswordFile` in them, or `embedded`. ClickHouse's user
 * is `default` where a URL names none. Throws a ConfigError for a file that cannot be read.
 */
export function storeUrls(config: Config): Config['store'] {
  const { store } = config;
  const password = storePassword(config);
  if (store === 'embedded' || password === null) return store;
  return store.map((text) => {
    const url = new URL(text);
    if (url.username === '') url.username = 'default';
    url.password = encodeURIComponent(password);
    return url.href;
  });
}

/** The password in `storePasswordFile`; null where none is given. Throws as `storeUrls` does. */
export function storePassword({ storePasswordFile: path, sources }: Config): string | null {
  return path === '' ? null : read('password', path, sources.get('storePasswordFile') ?? '', passwordIn);
}

/** The certificates in `storeCaFile`, in PEM; null where none are given. Throws as `storeUrls` does. */
export function storeCa({ storeCaFile: path, sources }: Config): string | null {
  return path === '' ? null : read('CA', path, sources.get('storeCaFile') ?? '', certificatesIn);
}

function read(what: string, path: string, source: string, parse: (bytes: Buffer) => string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${what} file ${path} (${source}) ${unreadable(error)}`, { cause: error });
  }
  try {
    return parse(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${what} file ${path} (${source}) ${reason}`, { cause: error });
  }
}
