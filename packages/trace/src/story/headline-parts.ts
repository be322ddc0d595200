import type { Trace } from '../tree/trace.ts';
import { Labels } from './labels.ts';

export const HEADLINE_LENGTH_MAX = 90;

/**
 * Which pieces find room is decided as if every name had this length; and names are cut only beyond, or to it at most.
 */
const NAME_LENGTH_LEAST = 8;
const NAME_LENGTH_MAX = 80;

/** A piece of the headline, written with the names as long as there is room for. */
export interface HeadlinePart {
  /** What the piece says, with its separator in front. */
  readonly write: (labels: Labels) => string;
  /** Where not all pieces find room, those with the higher numbers are omitted; 0 always stays. */
  readonly rank: number;
}

/**
 * Joins the pieces to a sentence of at most 90 characters. Which of them it holds is decided as if all names were
 * equally long, so that a renamed trace has the same sentence; then the longest name is cut first, until it fits.
 */
export function joinParts(trace: Trace, parts: readonly HeadlinePart[]): string {
  const kept = choose(parts, new Labels(trace, NAME_LENGTH_LEAST, 'x'.repeat(NAME_LENGTH_LEAST)));
  const write = (nameLengthMax: number): string => {
    const labels = new Labels(trace, nameLengthMax);
    return kept.map((part) => part.write(labels)).join('');
  };
  let least = NAME_LENGTH_LEAST;
  let most = NAME_LENGTH_MAX;
  while (least < most) {
    const middle = (least + most + 1) >>> 1;
    if (write(middle).length <= HEADLINE_LENGTH_MAX) least = middle;
    else most = middle - 1;
  }
  const headline = write(least);
  return headline.length <= HEADLINE_LENGTH_MAX ? headline : `${headline.slice(0, HEADLINE_LENGTH_MAX - 1)}…`;
}

function choose(parts: readonly HeadlinePart[], labels: Labels): readonly HeadlinePart[] {
  const kept = new Set<HeadlinePart>();
  let length = 0;
  for (const part of parts.toSorted((a, b) => a.rank - b.rank)) {
    const partLength = part.write(labels).length;
    if (part.rank > 0 && length + partLength > HEADLINE_LENGTH_MAX) continue;
    kept.add(part);
    length += partLength;
  }
  return parts.filter((part) => kept.has(part));
}
