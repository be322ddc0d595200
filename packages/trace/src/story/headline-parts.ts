import type { Trace } from '../trace.ts';
import { Labels } from './labels.ts';

const HEADLINE_LENGTH_MAX = 160;

/** Names are cut only where the sentence would be too long otherwise, and all of them alike. */
const NAME_LENGTHS_MAX = [80, 64, 52, 40, 34, 28, 24, 20, 17, 14, 12, 10, 8, 6];

/** Every name is at least as short as this in the end; what fits with such names always fits. */
const NAME_LENGTH_LEAST = 6;

/** A piece of the headline, written with the names as long as there is room for. */
export interface HeadlinePart {
  /** What the piece says, with its separator in front. */
  readonly write: (labels: Labels) => string;
  /** Where not all pieces find room, those with the higher numbers are left out; 0 always stands. */
  readonly rank: number;
}

/**
 * Joins the pieces to a sentence of at most 160 characters. Which of them it holds is decided as if all names were
 * equally long, so that a renamed trace has the same sentence; the names are cut until it fits.
 */
export function joinParts(trace: Trace, parts: readonly HeadlinePart[]): string {
  const kept = choose(parts, new Labels(trace, NAME_LENGTH_LEAST, 'x'.repeat(NAME_LENGTH_LEAST)));
  let headline = '';
  for (const nameLengthMax of NAME_LENGTHS_MAX) {
    const labels = new Labels(trace, nameLengthMax);
    headline = kept.map(({ write }) => write(labels)).join('');
    if (headline.length <= HEADLINE_LENGTH_MAX) return headline;
  }
  return `${headline.slice(0, HEADLINE_LENGTH_MAX - 1)}…`;
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
