import { readName, selectName, type RollupName } from '../storage/rollups/rollup-names.ts';
import { sqlString } from '../storage/sql.ts';
import type { Weighed } from './estimate.ts';
import { IN_TENANT, queryRows, where, type QueryContext, type TimeRange } from './rows.ts';
import type { Tables } from '../storage/tables.ts';

const QUARTER_NS = 900_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/** What is queried: of services as a whole, or of their operations; and of spans, or of requests alone. */
export interface WeightsQuery {
  readonly range: TimeRange;
  readonly service: string | null;
  readonly groupBy: 'service' | 'operation';
  readonly of: 'spans' | 'requests';
}

/**
 * What weights are worth in the quarters of an hour that the range touches. Of a range that begins or ends within one,
 * the variance of its whole quarters is taken for each unit of weight above 1.
 */
export class Weights {
  readonly #byName: ReadonlyMap<string, { excess: number; variance: number; unknown: number }>;

  constructor(byName: ReadonlyMap<string, { excess: number; variance: number; unknown: number }>) {
    this.#byName = byName;
  }

  /** Of so many stored rows with this Σ weight. `operation` is '' for a service as a whole. */
  of(service: RollupName, operation: RollupName, rows: number, weight: number): Weighed {
    const { excess, variance, unknown } = this.#byName.get(keyOf(service, operation)) ?? NONE;
    return { count: weight, variance: excess > 0 ? (Math.max(0, weight - rows) * variance) / excess : 0, unknown };
  }
}

const NONE = { excess: 0, variance: 0, unknown: 0 };

export async function findWeights(context: QueryContext, query: WeightsQuery): Promise<Weights> {
  const rows = await queryRows(context, weightsSql(context.engine.tables, query));
  return new Weights(
    new Map(
      rows.map((row) => [
        keyOf(readName(row.text(0)), readName(row.text(1))),
        { excess: row.number(2), variance: row.number(3), unknown: row.number(4) },
      ]),
    ),
  );
}

export function weightsSql(
  tables: Tables,
  { range: { fromUnixNano, toUnixNano }, service, groupBy, of }: WeightsQuery,
): string {
  const prefix = of === 'requests' ? 'request_' : '';
  return `SELECT ${selectName('service_name')}, ${selectName('operation')}, sum(${prefix}excess), sum(${prefix}variance), sum(unknown${of === 'requests' ? '_requests' : ''})
FROM ${tables.weight_15m.read}
${where([
  IN_TENANT,
  `of_service = ${groupBy === 'service' ? 1 : 0}`,
  ...(service === null ? [] : [`service_name = ${sqlString(service)}`]),
  ...(fromUnixNano === null ? [] : [`time >= ${quarterOf(fromUnixNano)}`]),
  ...(toUnixNano === null ? [] : [`time <= ${quarterOf(toUnixNano)}`]),
])}
GROUP BY service_name, operation`;
}

/** The begin of the quarter; a moment outside what a DateTime holds compares as the nearest that it does. */
function quarterOf(unixNano: bigint): string {
  const second = (unixNano / QUARTER_NS) * (QUARTER_NS / SECOND_NS);
  return `toDateTime(toUInt32(${second < 0n ? 0n : second > 0xffff_ffffn ? 0xffff_ffffn : second}))`;
}

function keyOf(service: RollupName, operation: RollupName): string {
  return JSON.stringify([service, operation]);
}
