import { startConditions, type TimeRange } from './rows.ts';

/** A range of time, taken apart: what a rollup with steps of this length answers, and what only the spans can. */
export interface RollupRange {
  /** Conditions on the rollup's time; null where no whole step lies in the range. */
  readonly rollup: readonly string[] | null;
  /** The same as conditions on spans, for those that the rollup has not counted yet. */
  readonly whole: readonly string[] | null;
  /** Conditions on spans for what lies before and behind the whole steps, one list for each. */
  readonly edges: readonly (readonly string[])[];
}

const SECOND_NS = 1_000_000_000n;

/** `column` is the rollup's time, the begin of a step of so many seconds from the epoch on. */
export function rollupRange({ fromUnixNano, toUnixNano }: TimeRange, column: string, stepSeconds: number): RollupRange {
  const stepNs = BigInt(stepSeconds) * SECOND_NS;
  // The first whole step and the one behind the last, as nanoseconds.
  const first = fromUnixNano === null ? null : ((fromUnixNano + stepNs - 1n) / stepNs) * stepNs;
  const behind = toUnixNano === null ? null : ((toUnixNano + 1n) / stepNs) * stepNs;
  if (first !== null && behind !== null && first >= behind) {
    return { rollup: null, whole: null, edges: [startConditions({ fromUnixNano, toUnixNano })] };
  }
  const edges: TimeRange[] = [];
  if (first !== null && first !== fromUnixNano) edges.push({ fromUnixNano, toUnixNano: first - 1n });
  if (behind !== null && behind - 1n !== toUnixNano) edges.push({ fromUnixNano: behind, toUnixNano });
  return {
    rollup: [
      ...(first === null ? [] : [`${column} >= ${moment(first)}`]),
      ...(behind === null ? [] : [`${column} < ${moment(behind)}`]),
    ],
    whole: startConditions({ fromUnixNano: first, toUnixNano: behind === null ? null : behind - 1n }),
    edges: edges.map(startConditions),
  };
}

/** Beyond what a DateTime holds compares as the last moment that it does. */
function moment(unixNano: bigint): string {
  const second = unixNano / SECOND_NS;
  return `toDateTime(toUInt32(${second > 0xffff_ffffn ? 0xffff_ffffn : second}))`;
}
