/** An attribute to search for. */
export interface Tag {
  readonly key: string;
  /** Compared with the attribute's text. */
  readonly value: string;
}

/** `key=value` as a search's `tag` takes it: an equals sign or a backslash of the key follows a backslash. */
export function writeTag({ key, value }: Tag): string {
  return `${key.replaceAll(/[\\=]/g, String.raw`\$&`)}=${value}`;
}

/**
 * Reads what `writeTag` writes, or a person: the key ends at the first `=` without a backslash before it, and a
 * backslash before another character is one. The key may be empty. Null without such a `=`.
 */
export function parseTag(text: string): Tag | null {
  const [whole, key] = /^((?:[^\\=]|\\[\\=]|\\(?![\\=]))*)=/.exec(text) ?? [];
  if (whole === undefined || key === undefined) return null;
  return { key: key.replaceAll(/\\([\\=])/g, '$1'), value: text.slice(whole.length) };
}
