import { UNSEEN } from '../unseen.ts';

/**
 * Text of a span for one line of a terminal: nothing in it can steer the terminal, end the line, turn its reading
 * direction or hide. Line breaks and tabs become blanks, other controls are shown by their pictures (`␛`), and what
 * has no picture by `�`.
 *
 * @param unitsMax of more code units, which nobody can read, the end is left out.
 */
export function safeText(text: string, unitsMax = UNITS_MAX): string {
  const start = text.length > unitsMax ? `${text.slice(0, unitsMax).replace(/[\ud800-\udbff]$/, '')}…` : text;
  // Almost every name is this.
  if (/^[!-~]+(?: [!-~]+)*$/.test(start)) return start;
  const safe = start
    // What has been made safe before stays as it is.
    .replaceAll(LEFT_TO_RIGHT_MARK, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(UNSEEN, pictureOf)
    .replaceAll(MARKS, (marks) => Array.from(marks).slice(0, MARKS_MAX).join(''))
    .trim();
  return RIGHT_TO_LEFT.test(safe) ? `${LEFT_TO_RIGHT_MARK}${safe}${LEFT_TO_RIGHT_MARK}` : safe;
}

/** JSON of one line in which nothing can steer a terminal either: it is the same to whoever parses it. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNSEEN, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}

const UNITS_MAX = 2_000;
/** Letters of living languages carry up to four; a heap of them covers the lines around. */
const MARKS_MAX = 4;
const MARKS = /\p{M}{5,}/gu;

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
/** Keeps what is beside a text of the other direction in its place; takes no column. */
const LEFT_TO_RIGHT_MARK = '\u200e';

function pictureOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}
