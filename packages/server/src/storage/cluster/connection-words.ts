/** Codes of Node for a certificate that nobody who is trusted has signed. */
const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why there is no connection to a server, on one line, with what to do about it where that is known. */
export function connectionWords(error: unknown): string {
  // OpenSSL's own end with a line break.
  const text = (error instanceof Error ? error.message : String(error)).trim();
  if (text.includes('wrong version number')) {
    return 'it speaks no TLS on this port; name its https_port, or use http:// in --store';
  }
  const isUntrusted = error instanceof Error && 'code' in error && UNTRUSTED.has(error.code);
  return isUntrusted ? `${text}; name the certificates that sign it in --store-ca-file` : text;
}
