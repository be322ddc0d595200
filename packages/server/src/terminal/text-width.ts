import stringWidth from 'string-width';

/** Columns that a text takes on a terminal; letters of East Asia and emoji take two. */
export function widthOf(text: string): number {
  return isPlain(text) ? text.length : stringWidth(text);
}

/** The text in at most `width` columns, with an ellipsis where it is cut; no character is cut through. */
export function cut(text: string, width: number): string {
  if (width <= 0) return '';
  // No character that is shown has so many code units, marks and joiners included: most of a long text is not measured.
  const start = text.slice(0, width * UNITS_PER_COLUMN_MAX);
  if (start.length === text.length && widthOf(text) <= width) return text;
  let taken = '';
  let columns = 0;
  for (const { segment } of SEGMENTER.segment(start)) {
    const next = widthOf(segment);
    if (columns + next > width - 1) break;
    taken += segment;
    columns += next;
  }
  return `${taken.trimEnd()}…`;
}

/** In exactly `width` columns: filled with blanks behind, or cut. */
export function padEnd(text: string, width: number): string {
  const short = cut(text, width);
  return short + ' '.repeat(Math.max(0, width - widthOf(short)));
}

/** The same, filled before. */
export function padStart(text: string, width: number): string {
  const short = cut(text, width);
  return ' '.repeat(Math.max(0, width - widthOf(short))) + short;
}

/** Lines of at most `width` columns, broken between words; a word that is longer than a line is cut into several. */
export function wrap(text: string, width: number): string[] {
  const columns = Math.max(1, width);
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer) <= columns) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    const parts = split(word, columns);
    lines.push(...parts.slice(0, -1));
    line = parts.at(-1) ?? '';
  }
  return [...lines, line];
}

function split(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const parts: string[] = [];
  let part = '';
  let columns = 0;
  for (const { segment } of SEGMENTER.segment(word)) {
    const next = widthOf(segment);
    if (columns + next > width && part !== '') {
      parts.push(part);
      part = '';
      columns = 0;
    }
    part += segment;
    columns += next;
  }
  return [...parts, part];
}

const UNITS_PER_COLUMN_MAX = 16;
const SEGMENTER = new Intl.Segmenter('en', { granularity: 'grapheme' });

function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
