import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { certificatesIn } from './certificates-in.ts';

/** What a collector proves itself with to servers that ask for it, in PEM. */
export interface ClientCertificate {
  /** The certificate, and behind it those that lead to one that servers trust. */
  readonly cert: string;
  readonly key: string;
}

/** A file that is larger holds no key. */
export const KEY_BYTES_MAX = 64 * 1024;

/** In PEM, the client's first. Throws a `RangeError` as `certificatesIn` does, and where the first is not valid now. */
export function clientCertificateIn(bytes: Buffer): string {
  const chain = certificatesIn(bytes);
  const reason = unusableBecause(chain, new Date());
  if (reason !== null) throw new RangeError(reason);
  return chain;
}

/** Why a server would not take the first certificate of a chain at this time, in words; null where it may. */
export function unusableBecause(chain: string, now: Date): string | null {
  const { validFrom, validTo } = new X509Certificate(chain);
  const [from, to] = [new Date(validFrom), new Date(validTo)];
  if (now > to) return `holds a certificate that expired at ${to.toISOString()}; renew it`;
  if (now >= from) return null;
  return `holds a certificate that is not valid before ${from.toISOString()}; check the clock of this machine`;
}

/** When the first certificate of a chain ends. */
export function expiryOf({ cert }: ClientCertificate): Date {
  return new Date(new X509Certificate(cert).validTo);
}

/** In PEM. Throws a `RangeError`, which does not quote it, for what is no key, or one with a passphrase. */
export function privateKeyIn(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (bytes.length > KEY_BYTES_MAX || keyOf(text) === null) {
    throw new RangeError('holds no private key; expected one in PEM, without a passphrase');
  }
  return text;
}

function keyOf(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

/** Whether the first certificate was made for this key. */
export function belongTogether({ cert, key }: ClientCertificate): boolean {
  const found = keyOf(key);
  return found !== null && new X509Certificate(cert).checkPrivateKey(found);
}
