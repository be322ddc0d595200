import type { ArrivalRange, SpanView } from '../storage/span-visibility.ts';
import { sqlUInt64 } from '../storage/sql.ts';
import { IN_TENANT, queryRows, type JsonRow, type QueryContext } from './rows.ts';

/** A table with spans, and which of its rows count: every span is in one of the sources of a view. */
export interface SpanSource {
  readonly table: 'throughline.spans' | 'throughline.spans_fresh';
  readonly conditions: readonly string[];
}

/** What is stored, when nothing is fresh. */
export const STORED: SpanSource = { table: 'throughline.spans', conditions: [IN_TENANT] };

export function spanSources({ fresh }: Pick<SpanView, 'fresh'>): SpanSource[] {
  if (fresh.length === 0) return [STORED];
  const isFresh = arrivedIn(fresh);
  return [
    { table: 'throughline.spans', conditions: [IN_TENANT, `NOT ${isFresh}`] },
    { table: 'throughline.spans_fresh', conditions: [IN_TENANT, isFresh] },
  ];
}

/** Asks all sources at the same time; the rows of one come after those of the other. */
export async function querySources(
  context: QueryContext,
  view: SpanView,
  sqlOf: (source: SpanSource) => string,
): Promise<JsonRow[]> {
  return (await Promise.all(spanSources(view).map((source) => queryRows(context, sqlOf(source))))).flat();
}

/** The stored spans that are in the derived tables. */
export function countedSource(view: SpanView): SpanSource {
  const stored = spanSources(view).find(({ table }) => table === 'throughline.spans') ?? STORED;
  if (view.uncounted === null) return stored;
  const counted = `arrival <= ${sqlUInt64(view.uncounted.countedUntil)}`;
  return { ...stored, conditions: [...stored.conditions, counted] };
}

/** The spans that are not in the derived tables yet; of those that are late only what is fresh. */
export function uncountedSources(view: SpanView): SpanSource[] {
  const { uncounted } = view;
  return spanSources(view).flatMap((source) => {
    if (source.table === 'throughline.spans_fresh') return [source];
    if (uncounted === null) return [];
    const { first, last } = uncounted.seconds;
    const conditions = [
      ...source.conditions,
      `arrival > ${sqlUInt64(uncounted.countedUntil)}`,
      `start_s >= toDateTime(toUInt32(${first}))`,
      `start_s <= toDateTime(toUInt32(${last}))`,
    ];
    return [{ ...source, conditions }];
  });
}

function arrivedIn(ranges: readonly ArrivalRange[]): string {
  const each = ranges.map(({ first, last }) => `arrival >= ${sqlUInt64(first)} AND arrival <= ${sqlUInt64(last)}`);
  return `(${each.join(' OR ')})`;
}

/** A span that was sent without an end, or with one before its start, took no time: as its story tells it. */
export const SPAN_DURATION = 'greatest(duration_ns, 0)';
