import { UnreachableError } from './unreachable-error.ts';

/** A server that ends the connection because of our certificate, or because we have none. It has seen no statement. */
export class CertificateRejectedError extends UnreachableError {
  constructor(message: string, options: ErrorOptions) {
    super(message, true, options);
  }
}

const REQUIRED = 'requires a client certificate; set --store-cert-file and --store-key-file';
const UNTRUSTED =
  'it trusts nobody who has signed it; put the certificates that sign it behind it in that file, or let the server trust them (caConfig)';

/** TLS alerts by their numbers: what is wrong with the certificate, and what to do. */
const REJECTED: Readonly<Record<number, string>> = {
  42: 'it cannot be read or verified; check that file, and who has signed it',
  43: 'it is of a kind that the server does not support; have it made anew, for clients',
  44: 'it has been revoked; renew it',
  45: 'it has expired; renew it, or check the clock of the server',
  46: 'it is not accepted; see the log of the server',
  48: UNTRUSTED,
  49: 'access is denied; see the log of the server',
  // Signed by one who is called like somebody that it trusts.
  51: UNTRUSTED,
};
const HANDSHAKE_FAILURE = 40;
const CERTIFICATE_REQUIRED = 116;

/**
 * The error of a connection as what a server says about our certificate; null for any other one. `origin` is for the
 * message.
 * @see https://www.rfc-editor.org/rfc/rfc8446#section-6
 */
export function certificateRejection(
  error: unknown,
  origin: string,
  hasCertificate: boolean,
): CertificateRejectedError | null {
  const text = error instanceof Error ? error.message : '';
  const alert = Number(/SSL alert number (\d+)/.exec(text)?.[1] ?? -1);
  // TLS 1.2 has no alert of its own for a certificate that is missing.
  if (alert === CERTIFICATE_REQUIRED || (alert === HANDSHAKE_FAILURE && !hasCertificate)) {
    return new CertificateRejectedError(`${origin} ${REQUIRED}`, { cause: error });
  }
  const reason = REJECTED[alert];
  if (reason === undefined || !hasCertificate) return null;
  const message = `${origin} rejects the client certificate of --store-cert-file: ${reason}`;
  return new CertificateRejectedError(message, { cause: error });
}
