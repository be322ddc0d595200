import type { ArrivalRange, SpanView } from '../storage/span-visibility.ts';
import { sqlUInt64 } from '../storage/sql.ts';
import { IN_TENANT, queryRows, type JsonRow, type QueryContext } from './rows.ts';
import type { Tables } from '../storage/tables.ts';

/** A table with spans, and which of its rows count: every span is in one of the sources of a view. */
export interface SpanSource {
  /** Which of the two it is. */
  readonly kind: 'stored' | 'fresh';
  /** Ready to follow FROM. */
  readonly table: string;
  readonly conditions: readonly string[];
}

/** What is stored, when nothing is fresh. */
export function storedSource(tables: Tables, conditions: readonly string[] = [IN_TENANT]): SpanSource {
  return { kind: 'stored', table: tables.spans.read, conditions };
}

export function freshSource(tables: Tables, conditions: readonly string[]): SpanSource {
  return { kind: 'fresh', table: tables.spans_fresh.read, conditions };
}

export function spanSources(tables: Tables, { fresh }: Pick<SpanView, 'fresh'>): SpanSource[] {
  if (fresh.length === 0) return [storedSource(tables)];
  const isFresh = arrivedIn(fresh);
  return [storedSource(tables, [IN_TENANT, `NOT ${isFresh}`]), freshSource(tables, [IN_TENANT, isFresh])];
}

/** Asks all sources at the same time; the rows of one come after those of the other. */
export async function querySources(
  context: QueryContext,
  view: SpanView,
  sqlOf: (source: SpanSource) => string,
): Promise<JsonRow[]> {
  const sources = spanSources(context.engine.tables, view);
  return (await Promise.all(sources.map((source) => queryRows(context, sqlOf(source))))).flat();
}

/** The stored spans that are in the derived tables. */
export function countedSource(tables: Tables, view: SpanView): SpanSource {
  const stored = spanSources(tables, view).find(({ kind }) => kind === 'stored') ?? storedSource(tables);
  if (view.uncounted === null) return stored;
  const counted = `arrival <= ${sqlUInt64(view.uncounted.countedUntil)}`;
  return { ...stored, conditions: [...stored.conditions, counted] };
}

/** The spans that are not in the derived tables yet; of those that are late only what is fresh. */
export function uncountedSources(tables: Tables, view: SpanView): SpanSource[] {
  const { uncounted } = view;
  return spanSources(tables, view).flatMap((source) => {
    if (source.kind === 'fresh') return [source];
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

/** A span that was sent without an end, or with one before its start, took no time, as in its story. */
export const SPAN_DURATION = 'greatest(duration_ns, 0)';
