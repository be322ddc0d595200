/** An attribute to search for: a key, and a value as text. */
export interface Tag {
  /** Any text, also ''. */
  readonly key: string;
  /** Compared with the attribute's text. */
  readonly value: string;
}

/**
 * `key=value` as `TracesQuery.tags` and a search's `tag` take it. A backslash is put before each equals sign and
 * backslash of the key; the value stays as it is. `parseTag` reads it back, whatever key and value are.
 *
 * @example
 * const tags = [writeTag({ key: 'http.route', value: '/buy' })]; // 'http.route=/buy'
 * const { traces } = await new ApiClient('http://127.0.0.1:4319').traces({ tags });
 */
export function writeTag({ key, value }: Tag): string {
  return `${key.replaceAll(/[\\=]/g, String.raw`\$&`)}=${value}`;
}

/**
 * Reads what `writeTag` writes, or a person: the key ends at the first `=` without a backslash before it, and a
 * backslash before another character is one. Key and value may be empty. Null without such a `=`; never throws.
 *
 * @example
 * parseTag('http.route=/buy'); // { key: 'http.route', value: '/buy' }
 * parseTag('a\\=b=c'); // { key: 'a=b', value: 'c' }
 * parseTag('http.route'); // null
 */
export function parseTag(text: string): Tag | null {
  const [whole, key] = /^((?:[^\\=]|\\[\\=]|\\(?![\\=]))*)=/.exec(text) ?? [];
  if (whole === undefined || key === undefined) return null;
  return { key: key.replaceAll(/\\([\\=])/g, '$1'), value: text.slice(whole.length) };
}
