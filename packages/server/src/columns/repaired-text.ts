import { isUtf8 } from 'node:buffer';

/** The key under which `DropCounts` counts texts that were repaired. */
export const REPAIRED_TEXTS = 'not UTF-8';

/**
 * Null for a text in UTF-8. For any other the text with U+FFFD in place of each part that is broken, as every decoder
 * of the web platform puts it (Unicode 16, section 3.9, "substitution of maximal subparts").
 */
export function repairedText(source: Uint8Array, start: number, end: number): Buffer | null {
  const text = Buffer.from(source.buffer, source.byteOffset + start, end - start);
  return isUtf8(text) ? null : Buffer.from(text.toString('utf8'));
}
