import { X509Certificate } from 'node:crypto';

/** The certificates of all public authorities take 250 KB. */
export const CERTIFICATE_BYTES_MAX = 4 * 1024 * 1024;

/** Certificates in PEM. Throws a `RangeError` where there is none, or one that cannot be read. */
export function certificatesIn(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (bytes.length > CERTIFICATE_BYTES_MAX) throw new RangeError(`is larger than ${CERTIFICATE_BYTES_MAX} bytes`);
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
