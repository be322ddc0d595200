/** Percent-encoded UTF-8; a lone surrogate becomes U+FFFD, where `encodeURIComponent` alone would throw. */
export function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return encodeURIComponent(Buffer.from(text).toString());
  }
}

/** The reverse: bytes that are not UTF-8 become U+FFFD, a `%` without two hex digits stays as it is. Never throws. */
export function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString());
  }
}
