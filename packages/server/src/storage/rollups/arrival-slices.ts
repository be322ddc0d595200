import type { Engine } from '../engine.ts';
import { sqlUInt64 } from '../sql.ts';
import { rowsOf } from '../rows-of.ts';

/** Spans that arrived behind `after`, up to `until`. */
export interface ArrivalSlice {
  readonly after: number;
  readonly until: number;
  readonly spans: number;
}

/**
 * Cuts the spans that fulfil the condition into slices by their arrival, in order and without a gap, of no more than
 * `spansMax` unless one block alone has more: what a statement may take goes by its slice, however many spans there
 * are. Empty where there are none.
 */
export async function arrivalSlices(
  engine: Pick<Engine, 'query' | 'tables'>,
  condition: string,
  { after, until }: Pick<ArrivalSlice, 'after' | 'until'>,
  spansMax: number,
): Promise<ArrivalSlice[]> {
  const rows = await rowsOf(
    engine,
    `SELECT arrival, count() FROM ${engine.tables.spans.read} WHERE ${condition} AND ${arrivedWithin({ after, until })} GROUP BY arrival ORDER BY arrival`,
  );
  const slices: { after: number; until: number; spans: number }[] = [];
  for (const row of rows) {
    const [arrival = 0, spans = 0] = row.map(Number);
    const last = slices.at(-1);
    if (last !== undefined && last.spans + spans <= spansMax) {
      last.until = arrival;
      last.spans += spans;
    } else slices.push({ after: last?.until ?? after, until: arrival, spans });
  }
  const last = slices.at(-1);
  if (last !== undefined) last.until = until;
  return slices;
}

/** Arrivals begin at 0, which is what an adopted store has: nothing is before it. */
export function arrivedWithin({ after, until }: Pick<ArrivalSlice, 'after' | 'until'>): string {
  const upTo = `arrival <= ${sqlUInt64(until)}`;
  return after < 0 ? upTo : `arrival > ${sqlUInt64(after)} AND ${upTo}`;
}
