import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { registerLabelledGauge } from '../../register-gauge.ts';
import { CERTIFICATE_BYTES_MAX, certificatesIn } from './certificates-in.ts';
import {
  belongTogether,
  clientCertificateIn,
  expiryOf,
  KEY_BYTES_MAX,
  privateKeyIn,
  unusableBecause,
  type ClientCertificate,
} from './client-certificate.ts';
import { RereadFile } from '../../reread-file.ts';

/** A file that is larger holds no password. */
const PASSWORD_BYTES_MAX = 64 * 1024;
/** Throws a `RangeError`, which does not quote it, for what is not one line with a password. */
export function passwordIn(bytes: Buffer): string {
  const password = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (bytes.length <= PASSWORD_BYTES_MAX && password !== '' && !/[\r\n\0]/.test(password)) return password;
  throw new RangeError('holds no password; expected one line with the password');
}

interface NamedFile {
  readonly path: string;
  /** What was read of it at the start. */
  readonly contents: string;
}

export interface StoreFilesOptions {
  readonly password?: NamedFile;
  readonly ca?: NamedFile;
  /** The certificate of this client, and its key; they belong together. */
  readonly identity?: { readonly cert: NamedFile; readonly key: NamedFile };
  readonly log: Logger;
  readonly registry: Registry;
}

/** What we prove ourselves with to servers, and what they prove themselves with, in files that may change. */
export class StoreFiles {
  readonly #log: Logger;
  readonly #reads: Counter<'file' | 'outcome'>;
  readonly #password: RereadFile<string> | null;
  readonly #ca: RereadFile<string> | null;
  readonly #identity: Identity | null;
  #version = 0;

  constructor({ password, ca, identity, log, registry }: StoreFilesOptions) {
    this.#log = log;
    this.#reads = new Counter({
      name: 'throughline_store_file_reads_total',
      help: 'Changes of the files with the password, the certificates and the key for the store, by outcome: taken, or broken',
      labelNames: ['file', 'outcome'],
      registers: [registry],
    });
    const onChange = (): void => void (this.#version += 1);
    this.#password =
      password === undefined ? null : this.#reread('password', password, PASSWORD_BYTES_MAX, passwordIn, onChange);
    this.#ca = ca === undefined ? null : this.#reread('ca', ca, CERTIFICATE_BYTES_MAX, certificatesIn, onChange);
    this.#identity = identity === undefined ? null : this.#openIdentity(identity);
    registerLabelledGauge(
      registry,
      'throughline_store_certificate_expiry_timestamp_seconds',
      'When the client certificate for the store that is in use expires, in seconds since 1970; absent without one',
      ['file'],
      () => {
        const { certificate } = this;
        return certificate === null ? [] : [[{ file: 'cert' }, expiryOf(certificate).getTime() / 1_000] as const];
      },
    );
  }

  #reread(
    file: string,
    { path, contents }: NamedFile,
    bytesMax: number,
    parse: (bytes: Buffer) => string,
    onChange: () => void,
  ): RereadFile<string> {
    for (const outcome of ['taken', 'broken']) this.#reads.inc({ file, outcome }, 0);
    return new RereadFile({
      path,
      initial: contents,
      bytesMax,
      parse,
      onChange: () => {
        onChange();
        this.#reads.inc({ file, outcome: 'taken' });
        this.#log.info({ path }, `read the ${file} file of the store again`);
      },
      onBroken: (problem) => this.#noteBroken(file, problem),
    });
  }

  #openIdentity({ cert, key }: Required<StoreFilesOptions>['identity']): Identity {
    return {
      cert: this.#reread('cert', cert, CERTIFICATE_BYTES_MAX, clientCertificateIn, ofUseTogether),
      key: this.#reread('key', key, KEY_BYTES_MAX, privateKeyIn, ofUseTogether),
      pathOfCert: cert.path,
      pathOfKey: key.path,
      inUse: { cert: cert.contents, key: key.contents },
      problem: null,
    };
  }

  #noteBroken(file: string, problem: string): void {
    this.#reads.inc({ file, outcome: 'broken' });
    this.#log.warn(`cannot use the ${file} file of the store; what was read before stays in use: ${problem}`);
  }

  /** Null where the URLs say which. */
  get password(): string | null {
    return this.#password?.value ?? null;
  }

  /** Certificates in PEM that are trusted in place of those that Node knows; null for those. */
  get ca(): string | null {
    return this.#ca?.value ?? null;
  }

  /** Null where there is none. */
  get certificate(): ClientCertificate | null {
    return this.#identity?.inUse ?? null;
  }

  /** Another one whenever something else was read. */
  get version(): number {
    return this.#version;
  }

  /** What is wrong with the files as they are now, in words. */
  get problems(): readonly string[] {
    const identity = this.#identity;
    const found = [this.#password, this.#ca, identity?.cert, identity?.key].map((file) => file?.problem ?? null);
    return [...found, ...problemsOf(identity)].filter((problem) => problem !== null);
  }

  /** Reads what has changed. Never rejects. */
  async look(): Promise<void> {
    const identity = this.#identity;
    await Promise.all([this.#password?.look(), this.#ca?.look(), identity?.cert.look(), identity?.key.look()]);
    if (identity !== null) this.#settle(identity);
  }

  /** Certificate and key are two files, and whoever replaces them does so one after the other. */
  #settle(identity: Identity): void {
    const next = { cert: identity.cert.value, key: identity.key.value };
    const { inUse, problem } = identity;
    identity.problem = null;
    if (next.cert === inUse.cert && next.key === inUse.key) return;
    if (belongTogether(next)) {
      identity.inUse = next;
      this.#version += 1;
      return;
    }
    identity.problem = `${identity.pathOfKey}: ${otherKey(identity.pathOfCert)}`;
    if (problem === null) this.#noteBroken('key', identity.problem);
  }
}

/** A certificate is of use with its key alone: what has changed is taken when both are there. */
function ofUseTogether(): void {}

interface Identity {
  readonly cert: RereadFile<string>;
  readonly key: RereadFile<string>;
  readonly pathOfCert: string;
  readonly pathOfKey: string;
  inUse: ClientCertificate;
  /** Why the two files as they are now cannot be used together. */
  problem: string | null;
}

function problemsOf(identity: Identity | null): (string | null)[] {
  if (identity === null) return [];
  // One that could be read when it was new.
  const reason = identity.cert.problem === null ? unusableBecause(identity.inUse.cert, new Date()) : null;
  return [identity.problem, reason === null ? null : `${identity.pathOfCert}: ${reason}`];
}

/** Why a key cannot be used with the certificate in a file, to follow the name of its own. */
export function otherKey(pathOfCert: string): string {
  return `does not hold the key of the certificate in ${pathOfCert}; give the two files that were made together`;
}
