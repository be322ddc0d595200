import { widthOf } from './text-width.ts';

/** What text is written for. */
export interface Screen {
  /** In columns. */
  readonly width: number;
  /** Whether escape sequences for colours may be used. */
  readonly isColored: boolean;
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof CODES;

/** Text of one style on one line; it holds nothing that steers a terminal. */
export interface Piece {
  readonly text: string;
  readonly styles: readonly Style[];
}

/** One line without its end. */
export type Line = readonly Piece[];

export function piece(text: string, ...styles: readonly Style[]): Piece {
  return { text, styles };
}

/** Columns that it takes. */
export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** Lines as text, each with its end. Blanks at the end of a line are left out. */
export function render(lines: readonly Line[], { isColored }: Pick<Screen, 'isColored'>): string {
  return lines.map((line) => `${renderLine(withoutTrailingBlanks(line), isColored)}\n`).join('');
}

function renderLine(line: Line, isColored: boolean): string {
  if (!isColored) return line.map(({ text }) => text).join('');
  return joined(line)
    .map(({ text, styles }) => {
      const codes = styles.map((style) => CODES[style]);
      const on = codes.map(([code]) => `\u001b[${code}m`).join('');
      const off = codes.map(([, code]) => `\u001b[${code}m`).join('');
      return `${on}${text}${off}`;
    })
    .join('');
}

/** Neighbours of one style are one piece. */
function joined(line: Line): Piece[] {
  const pieces: Piece[] = [];
  for (const next of line) {
    const last = pieces.at(-1);
    if (last !== undefined && last.styles.join() === next.styles.join()) {
      pieces[pieces.length - 1] = { text: last.text + next.text, styles: last.styles };
    } else if (next.text !== '') pieces.push(next);
  }
  return pieces;
}

function withoutTrailingBlanks(line: Line): Line {
  const pieces = [...line];
  for (let last = pieces.at(-1); last !== undefined && !last.styles.includes('inverse'); last = pieces.at(-1)) {
    const text = last.text.trimEnd();
    if (text !== '') {
      pieces[pieces.length - 1] = { ...last, text };
      break;
    }
    pieces.pop();
  }
  return pieces;
}
