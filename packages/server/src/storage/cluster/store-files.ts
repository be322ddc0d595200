import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { RereadFile } from './reread-file.ts';

/** A file that is larger holds no password. */
const PASSWORD_BYTES_MAX = 64 * 1024;
/** The certificates of all public authorities take 250 KB. */
const CA_BYTES_MAX = 4 * 1024 * 1024;

/** Throws a `RangeError`, which does not quote it, for what is not one line with a password. */
export function passwordIn(bytes: Buffer): string {
  const password = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (bytes.length <= PASSWORD_BYTES_MAX && password !== '' && !/[\r\n\0]/.test(password)) return password;
  throw new RangeError('holds no password; expected one line with the password');
}

/** Certificates in PEM. Throws a `RangeError` where there is none, or one that cannot be read. */
export function certificatesIn(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (bytes.length > CA_BYTES_MAX) throw new RangeError(`is larger than ${CA_BYTES_MAX} bytes`);
  if (found.length === 0) throw new RangeError('holds no certificate; expected certificates in PEM');
  const broken = found.findIndex((certificate) => !isCertificate(certificate));
  if (broken >= 0) throw new RangeError(`has a certificate that cannot be read, number ${broken + 1}`);
  return found.join('\n');
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

interface NamedFile {
  readonly path: string;
  /** What was read of it at the start. */
  readonly contents: string;
}

export interface StoreFilesOptions {
  readonly password?: NamedFile;
  readonly ca?: NamedFile;
  readonly log: Logger;
  readonly registry: Registry;
}

/** What we prove ourselves with to servers, and what they prove themselves with, in files that may change. */
export class StoreFiles {
  readonly #password: RereadFile<string> | null;
  readonly #ca: RereadFile<string> | null;
  readonly #reads: Counter<'file' | 'outcome'>;
  #version = 0;

  constructor({ password, ca, log, registry }: StoreFilesOptions) {
    this.#reads = new Counter({
      name: 'throughline_store_file_reads_total',
      help: 'Changes of the files with the password and the certificates for the store, by outcome: taken, or broken',
      labelNames: ['file', 'outcome'],
      registers: [registry],
    });
    const reread = (file: string, { path, contents }: NamedFile, bytesMax: number, parse: typeof passwordIn) => {
      for (const outcome of ['taken', 'broken']) this.#reads.inc({ file, outcome }, 0);
      return new RereadFile({
        path,
        initial: contents,
        bytesMax,
        parse,
        onChange: () => {
          this.#version += 1;
          this.#reads.inc({ file, outcome: 'taken' });
          log.info({ path }, `read the ${file} file of the store again`);
        },
        onBroken: (problem) => {
          this.#reads.inc({ file, outcome: 'broken' });
          log.warn(`cannot use the ${file} file of the store; what was read before stays in use: ${problem}`);
        },
      });
    };
    this.#password = password === undefined ? null : reread('password', password, PASSWORD_BYTES_MAX, passwordIn);
    this.#ca = ca === undefined ? null : reread('ca', ca, CA_BYTES_MAX, certificatesIn);
  }

  /** Null where the URLs say which. */
  get password(): string | null {
    return this.#password?.value ?? null;
  }

  /** Certificates in PEM that are trusted in place of those that Node knows; null for those. */
  get ca(): string | null {
    return this.#ca?.value ?? null;
  }

  /** Another one whenever something else was read. */
  get version(): number {
    return this.#version;
  }

  /** What is wrong with the files as they are now, in words. */
  get problems(): readonly string[] {
    return [this.#password?.problem, this.#ca?.problem].filter((problem) => typeof problem === 'string');
  }

  /** Reads what has changed. Never rejects. */
  async look(): Promise<void> {
    await Promise.all([this.#password?.look(), this.#ca?.look()]);
  }
}
