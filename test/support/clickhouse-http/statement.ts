import { ClickHouseException } from './exception.ts';

/** One statement, taken apart as far as an HTTP server must. */
export interface Statement {
  /** Of an INSERT with data: what stands before its FORMAT. Else the whole. */
  readonly sql: string;
  /** The format of its answer, or of an INSERT's data; null where it says none. */
  readonly format: string | null;
  /** Where the data of an INSERT begins in the text; null for every other statement. */
  readonly dataAt: number | null;
}

interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/**
 * `text` is the statement, or as much of it as was read of a longer one. Throws for several statements at once, and for
 * what only a client can do.
 */
export function takeApart(text: string): Statement {
  const { words, semicolonAt } = scan(text);
  const first = words.findIndex(({ text: word }) => word !== '(');
  if (is(words[first], 'INSERT')) {
    const until = words.findIndex(
      (word, index) => index > first && /^(SELECT|WITH|VALUES|FORMAT|INFILE)$/i.test(word.text),
    );
    const word = words[until];
    if (is(word, 'INFILE')) throw ClickHouseException.of(78, 'Query has infile and was send directly to server');
    if (word !== undefined && is(word, 'FORMAT')) {
      const format = words[until + 1];
      return {
        sql: text.slice(0, word.from),
        format: format?.text ?? '',
        dataAt: afterBreak(text, format?.to ?? word.to),
      };
    }
    if (word !== undefined && is(word, 'VALUES')) {
      return { sql: text.slice(0, word.from), format: 'Values', dataAt: word.to };
    }
  }
  if (semicolonAt !== null && /\S/.test(text.slice(semicolonAt + 1))) {
    throw ClickHouseException.of(62, 'Syntax error (Multi-statements are not allowed)');
  }
  if (words.some((word, index) => is(word, 'OUTFILE') && is(words[index - 1], 'INTO'))) {
    throw ClickHouseException.of(344, 'INTO OUTFILE is not allowed');
  }
  const formatAt = words.findLastIndex((word) => is(word, 'FORMAT'));
  return { sql: text, format: words[formatAt + 1]?.text ?? null, dataAt: null, ...(formatAt < 0 && { format: null }) };
}

const is = (word: Word | undefined, keyword: string): boolean => word?.text.toUpperCase() === keyword;

/** Blanks and one line's end after the format belong to the statement. */
function afterBreak(text: string, from: number): number {
  const blanks = /[ \t]*\r?\n?/y;
  blanks.lastIndex = from;
  blanks.exec(text);
  return blanks.lastIndex;
}

/** Words and opening brackets outside of strings and comments, up to the first semicolon. */
function scan(text: string): { words: Word[]; semicolonAt: number | null } {
  const token =
    /'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|--[^\n]*|\/\*.*?\*\/|[A-Za-z_][A-Za-z0-9_]*|[(;]/gs;
  const words: Word[] = [];
  for (const { 0: found, index } of text.matchAll(token)) {
    if (found === ';') return { words, semicolonAt: index };
    if (/^[A-Za-z_(]/.test(found)) words.push({ text: found, from: index, to: index + found.length });
  }
  return { words, semicolonAt: null };
}
