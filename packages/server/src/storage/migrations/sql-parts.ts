const CLOSED_BY: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Where what is bracketed at `begin` ends: behind its last bracket. Throws a `RangeError` where it does not end. */
export function endOfBrackets(sql: string, begin: number): number {
  const open: string[] = [];
  for (let at = begin; at < sql.length; at++) {
    const character = sql[at] ?? '';
    if (character === "'" || character === '`') at = endOfQuotes(sql, at) - 1;
    else if (character in CLOSED_BY) open.push(CLOSED_BY[character] ?? '');
    else if (character === open.at(-1)) open.pop();
    if (open.length === 0) return at + 1;
  }
  throw new RangeError(`unclosed bracket in ${sql.slice(begin, begin + 80)}`);
}

/** Cuts at the commas that are neither in brackets nor in quotes; each part is trimmed. */
export function splitAtCommas(sql: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  for (let at = 0; at < sql.length; at++) {
    const character = sql[at] ?? '';
    if (character === "'" || character === '`') at = endOfQuotes(sql, at) - 1;
    else if (character in CLOSED_BY) at = endOfBrackets(sql, at) - 1;
    else if (character === ',') {
      parts.push(sql.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...parts, sql.slice(begin)].map((part) => part.trim()).filter((part) => part !== '');
}

function endOfQuotes(sql: string, begin: number): number {
  const quote = sql[begin];
  for (let at = begin + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at += 1;
    else if (sql[at] === quote) return at + 1;
  }
  throw new RangeError(`unclosed quote in ${sql.slice(begin, begin + 80)}`);
}
