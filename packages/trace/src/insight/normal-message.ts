const CHARACTERS_MAX = 80;
/** What follows decides nothing that anybody would read. */
const READ_MAX = 2_000;
/** Each replacement may bring two halves of another one together; no message needs more than two rounds. */
const ROUNDS_MAX = 10;

/** In quotes; an apostrophe within a word is none. */
const QUOTED = [
  String.raw`"[^"]*"|\x60[^\x60]*\x60|«[^»]*»|“[^”]*”`,
  String.raw`(?<![\p{L}\p{N}#])'[^']*'(?![\p{L}\p{N}#])`,
].join('|');

/** What differs from one message to the next of the same kind whether it is in quotes or not. */
const BARE = [
  // A URL, an address of mail.
  String.raw`[a-z][a-z0-9+.\-]{1,20}:\/\/[^\s"'<>\x60\])]+`,
  String.raw`[\p{L}\p{N}._%+\-]{1,64}@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+`,
  // An IP address, a UUID, hexadecimal digits, another ID: a long word with several digits.
  String.raw`(?<![\p{L}\p{N}:])(?=[\da-f:]*\d)(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}(?![\p{L}\p{N}:])`,
  String.raw`\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?`,
  String.raw`[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}`,
  String.raw`(?<![\p{L}\p{N}])(?:0x[\da-f]+|(?=[\da-f]*\d)[\da-f]{7,})(?![\p{L}\p{N}])`,
  String.raw`(?<![\p{L}\p{N}_\-])(?=(?:[a-z_\-]*\d){4})[\w\-]{16,}`,
  String.raw`\p{Nd}+(?:[.,:]\p{Nd}+)*`,
].join('|');

/** Whichever comes first. */
const VARIABLE = new RegExp(`${QUOTED}|${BARE}`, 'giu');
/** A value of JSON that is one word with several digits, as an ID is. */
const ID_VALUE = String.raw`"(?=(?:[^"\s\d]*\d){3})[^"\s]*"(?!\s*:)`;
const UNQUOTED_VARIABLE = new RegExp(`${ID_VALUE}|${BARE}`, 'giu');

/** Where what the message says is in quotes: in JSON, and where nothing else is a word. */
const IS_JSON = /^\s*(?:\{\s*["']|\[\s*["'{[])/;
const WORD = /\p{L}/u;

/** A list of what differs is as long as it happens to be. */
const LIST = /#(?:[,;]? ?#)+/g;

/**
 * A message without what differs from one to the next: `#` stands for numbers, IDs, UUIDs, hexadecimal digits, URLs,
 * addresses of mail and of hosts, and what is in quotes; in JSON, and where all words are in quotes, these stay. On one
 * line, and not longer than anybody reads. What it returns stays as it is if it is given again.
 *
 * @param charactersMax in UTF-16 units; a character is not cut in two.
 *
 * @example
 * normalMessage("user 'ann' not found at https://shop.test/users/4711"); // 'user # not found at #'
 */
export function normalMessage(message: string, charactersMax: number = CHARACTERS_MAX): string {
  let text = message.slice(0, READ_MAX).replaceAll(/\p{Surrogate}/gu, '\uFFFD');
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const isQuoted = IS_JSON.test(text) || !WORD.test(text.replaceAll(VARIABLE, '#'));
    const variable = isQuoted ? UNQUOTED_VARIABLE : VARIABLE;
    const next = cut(
      text.replaceAll(/\s+/g, ' ').trim().replaceAll(variable, '#').replaceAll(LIST, '#'),
      charactersMax,
    );
    if (next === text) return text;
    text = next;
  }
  return text;
}

function cut(text: string, unitsMax: number): string {
  if (text.length <= unitsMax) return text;
  const isHalf = /[\uD800-\uDBFF]/.test(text.charAt(unitsMax - 1));
  return text.slice(0, isHalf ? unitsMax - 1 : unitsMax).trimEnd();
}
