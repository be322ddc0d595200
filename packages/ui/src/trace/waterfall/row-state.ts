import type { SpanAddresses } from '../model/span-addresses.ts';
import type { TraceModel } from '../model/trace-model.ts';

/** What all rows of a waterfall share; a new object redraws them all. */
export interface RowContext {
  readonly model: TraceModel;
  readonly addresses: SpanAddresses;
  /** CSS colours by service index. */
  readonly colours: readonly string[];
  readonly laneWidthPx: number;
  readonly indentPx: number;
}

/** What a clause lights up, or a search finds, stands out; everything else steps back. */
export type Emphasis = 'plain' | 'lit' | 'faded';

export function emphasisOf(
  index: number,
  lit: ReadonlySet<number>,
  matches: ReadonlySet<number> | null,
  filterMatches: ((index: number) => boolean) | null,
): Emphasis {
  if (lit.size > 0) return lit.has(index) ? 'lit' : 'faded';
  if (matches !== null) return matches.has(index) ? 'lit' : 'faded';
  if (filterMatches !== null && !filterMatches(index)) return 'faded';
  return 'plain';
}
