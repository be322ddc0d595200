/**
 * The text with the password of every URL in it shown as `***`, however it is written: percent-encoded, or with characters
 * that should have been. For log lines and messages; rather too much is hidden than too little.
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
  return shown.length <= SHOWN_LENGTH_MAX ? shown : `${shown.slice(0, SHOWN_LENGTH_MAX)}…`;
}

const SHOWN_LENGTH_MAX = 100;
