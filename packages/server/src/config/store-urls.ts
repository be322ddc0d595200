import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { certificatesIn } from '../storage/cluster/certificates-in.ts';
import { belongTogether, clientCertificateIn, privateKeyIn } from '../storage/cluster/client-certificate.ts';
import { otherKey, passwordIn, StoreFiles, type StoreFilesOptions } from '../storage/cluster/store-files.ts';
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

/** The files that say how to connect to ClickHouse servers. Throws a ConfigError for one that cannot be used. */
export function openStoreFiles(config: Config, log: Logger, registry: Registry): StoreFiles {
  const { storePasswordFile, storeCaFile } = config;
  const password = storePassword(config);
  const ca = storeCaFile === '' ? null : read('CA', 'storeCaFile', config, certificatesIn);
  const identity = identityIn(config);
  return new StoreFiles({
    ...(password !== null && { password: { path: storePasswordFile, contents: password } }),
    ...(ca !== null && { ca: { path: storeCaFile, contents: ca } }),
    ...(identity !== null && { identity }),
    log,
    registry,
  });
}

/** The password in `storePasswordFile`; null where none is given. Throws as `storeUrls` does. */
function storePassword(config: Config): string | null {
  return config.storePasswordFile === '' ? null : read('password', 'storePasswordFile', config, passwordIn);
}

function identityIn(config: Config): Required<StoreFilesOptions>['identity'] | null {
  const { storeCertFile, storeKeyFile } = config;
  // Both are given, or none.
  if (storeCertFile === '') return null;
  const cert = read('certificate', 'storeCertFile', config, clientCertificateIn);
  const key = read('key', 'storeKeyFile', config, (bytes) => {
    const found = privateKeyIn(bytes);
    if (belongTogether({ cert, key: found })) return found;
    throw new RangeError(otherKey(storeCertFile));
  });
  return { cert: { path: storeCertFile, contents: cert }, key: { path: storeKeyFile, contents: key } };
}

type FileSetting = 'storePasswordFile' | 'storeCaFile' | 'storeCertFile' | 'storeKeyFile';

function read(what: string, setting: FileSetting, config: Config, parse: (bytes: Buffer) => string): string {
  const path = config[setting];
  const source = config.sources.get(setting) ?? '';
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
