import type { RequestSeries } from '@throughline/trace/client';
import { readName, type RollupName } from '../storage/rollups/rollup-names.ts';
import { REQUEST_1M } from '../storage/rollups/rollups.ts';
import type { SpanView } from '../storage/span-visibility.ts';
import { type JsonRow, type QueryContext, queryRows, withRollup } from './rows.ts';
import { pointsOf, rangeOf, seriesNamesSql, seriesSql, type SeriesQuery } from './series-sql.ts';
import { buildSeries } from './build-series.ts';
import { findWeights, type Weights } from './weights.ts';

export interface FoundSeries {
  /** The most requests first. */
  readonly series: RequestSeries[];
  readonly truncated: boolean;
}

/** Until when the request metrics of a service are whole, in milliseconds since the epoch. */
export type CountedUntil = (service: RollupName) => number;

/**
 * Steps without a request have counts of 0 and null for each percentile. Of a step that ends after `countedUntil`
 * counts may be missing: they do not answer for it, but as the least that there was.
 */
export function findSeries(
  context: QueryContext,
  query: SeriesQuery,
  countedUntil: CountedUntil,
): Promise<FoundSeries> {
  return withRollup(context, REQUEST_1M, (view) => findSeriesIn(context, view, query, countedUntil));
}

async function findSeriesIn(
  context: QueryContext,
  view: SpanView,
  query: SeriesQuery,
  countedUntil: CountedUntil,
): Promise<FoundSeries> {
  const { tables } = context.engine;
  const { seriesMax } = query;
  const rowsMax = seriesMax * pointsOf(query);
  const [all, weights] = await Promise.all([
    queryRows(context, seriesSql(tables, view, query, null, rowsMax)),
    findWeights(context, {
      range: rangeOf(query),
      service: query.service,
      groupBy: query.operation === null ? query.groupBy : 'operation',
      of: 'requests',
    }),
  ]);
  // So many rows may come from more series than are wanted; then a query finds which of them have the most requests.
  if (all.length === rowsMax) {
    const names = await queryRows(context, seriesNamesSql(tables, view, query));
    if (names.length > seriesMax) {
      const shown = names.slice(0, seriesMax).map((row) => [readName(row.text(0)), readName(row.text(1))] as const);
      const rows = await queryRows(context, seriesSql(tables, view, query, shown, rowsMax));
      return { series: seriesOf(query, rows, weights, countedUntil), truncated: true };
    }
  }
  const series = seriesOf(query, all, weights, countedUntil);
  return { series: series.slice(0, seriesMax), truncated: series.length > seriesMax };
}

/** The most requests first. */
function seriesOf(
  query: SeriesQuery,
  rows: readonly JsonRow[],
  weights: Weights,
  countedUntil: CountedUntil,
): RequestSeries[] {
  const byName = new Map<string, JsonRow[]>();
  for (const row of rows) {
    const name = `${row.text(0)}\0${row.text(1)}`;
    const own = byName.get(name);
    if (own === undefined) byName.set(name, [row]);
    else own.push(row);
  }
  return Array.from(byName.values(), (own) => {
    return buildSeries(query, own, weights, countedUntil(readName(own[0]?.text(0) ?? '')));
  })
    .map((series) => ({ series, total: series.estimatedRequestCount.reduce((sum, count) => sum + count, 0) }))
    .toSorted((a, b) => b.total - a.total || compare(a.series, b.series))
    .map(({ series }) => series);
}

function compare(a: RequestSeries, b: RequestSeries): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return (a.operation ?? '') < (b.operation ?? '') ? -1 : 1;
}
