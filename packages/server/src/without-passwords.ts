/**
 * The text with the password of every URL in it shown as `***`, however it is written: percent-encoded, or with
 * characters that should have been. For log lines and messages; rather too much is hidden than too little.
 */
export function withoutPasswords(text: string): string {
  // Neither a blank nor a double quote can be in a URL.
  return text.includes('://') ? text.replace(/[^\s"]+/g, (word) => word.split('://').map(hidden).join('://')) : text;
}

/** A part of a word that follows `://`, but for the first: user, password and host, and maybe the next URL's scheme. */
function hidden(part: string, index: number): string {
  const colon = part.indexOf(':');
  // The last one, since passwords in the wild hold one as well, and `/`, `?` and `#`.
  const at = part.lastIndexOf('@');
  return index === 0 || colon === -1 || at < colon ? part : `${part.slice(0, colon)}:***${part.slice(at)}`;
}

/** What a person has given, for a message: a URL may stand where none belongs, and without its scheme. */
export function shownText(text: string): string {
  const shown = withoutPasswords(text);
  if (shown === text && /:[^@]*@/.test(text)) return '***';
  return shorten(shown);
}

/**
 * What a person has given for a setting that may hold a password, and that is not accepted. Shown are the scheme, host,
 * port and path of URLs, and what is nearly `embedded`; everything is hidden where a part of it may be anything else.
 */
export function shownSecret(text: string): string {
  const parts = text.split(',').map((part) => shownUrl(part.trim()));
  return parts.includes(null) ? '***' : shorten(parts.join(','));
}

/**
 * An `@` can only stand behind the user: anywhere else it may be what follows a password. A port is one of digits, or
 * else it may be a password.
 */
const URL_PATTERN =
  /^([a-z][a-z0-9+.-]*:\/\/)([^@/?#\s]*@)?([a-z0-9._-]*|\[[0-9a-f:.]*\])(:\d{1,5})?(\/[\w./~-]*)?(\?[^@]*)?$/i;

function shownUrl(text: string): string | null {
  if (/^emb[ed]{2,6}$/i.test(text)) return text;
  const [all, scheme = '', user, host = '', port = '', path = '', query] = URL_PATTERN.exec(text) ?? [];
  if (all === undefined) return null;
  return `${scheme}${user === undefined ? '' : '***@'}${host}${port}${path}${query === undefined ? '' : '?***'}`;
}

const SHOWN_LENGTH_MAX = 100;

function shorten(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`;
}
