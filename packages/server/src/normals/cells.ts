import type { JsonRow } from '../query/rows.ts';
import { sqlUInt64 } from '../storage/sql.ts';
import type { Engine } from '../storage/engine.ts';
import { rowsOf } from '../storage/rows-of.ts';

/** Sums are kept for so many seconds each: a cell, which has a whole number of steps. */
export const CELL_SECONDS = 600;
export const STEP_SECONDS = 60;
export const STEPS_PER_CELL = CELL_SECONDS / STEP_SECONDS;

/** An attempt to measure a cell, as far as `normal_steps` notes it. */
export interface Run {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly run: bigint;
  /** How many steps of the cell it has measured, from its begin on. */
  readonly steps: number;
  /** Spans that began in them, when they were measured. */
  readonly storedSpans: number;
  /** Those of the traces that began in them, all their spans. */
  readonly takenSpans: number;
  /** The least share of the traces that one of them was measured from. */
  readonly share: number;
}

/** The begin of the cell that a second is in. */
export function cellOf(second: number): number {
  return Math.floor(second / CELL_SECONDS) * CELL_SECONDS;
}

/** For SQL: the cells whose begin is in a range, both ends included. */
export function cellsWithin(from: number, to: number): string {
  return `time >= ${moment(from)} AND time <= ${moment(to)}`;
}

function moment(second: number): string {
  return `toDateTime(toUInt32(${Math.min(Math.max(0, second), 0xffff_ffff)}))`;
}

export function inRuns(runs: readonly Run[]): string {
  return `run IN (${runs.map(({ run }) => sqlUInt64(run)).join(', ')})`;
}

const RUN_COLUMNS = 6;

export function runsSql(tables: Engine['tables'], from: number, to: number): string {
  return `SELECT toUInt32(time), toString(run), sum(steps), sum(stored_spans), sum(taken_spans), min(share)
FROM ${tables.normal_steps.read}
WHERE tenant = '' AND ${cellsWithin(from, to)}
GROUP BY time, run`;
}

/** The same of what a query read. */
export function validRunsOf(rows: readonly JsonRow[]): Run[] {
  return validRuns(rows.map((row) => Array.from({ length: RUN_COLUMNS }, (_, column) => row.text(column))));
}

/**
 * Of each cell the run that came furthest, of several that which found the most spans, and then the latest: a clock
 * that was ahead for a while leaves runs without spans, of late numbers. The rows of the others are of attempts that
 * were given up, and count nothing. By time.
 */
function validRuns(rows: readonly (readonly unknown[])[]): Run[] {
  const byTime = new Map<number, Run>();
  for (const [time, run, steps, storedSpans, takenSpans, share] of rows) {
    const found: Run = {
      time: Number(time),
      run: BigInt(String(run)),
      steps: Number(steps),
      storedSpans: Number(storedSpans),
      takenSpans: Number(takenSpans),
      share: Number(share),
    };
    const known = byTime.get(found.time);
    if (known === undefined || isBetter(found, known)) byTime.set(found.time, found);
  }
  return [...byTime.values()].toSorted((a, b) => a.time - b.time);
}

function isBetter(one: Run, other: Run): boolean {
  if (one.steps !== other.steps) return one.steps > other.steps;
  if (one.storedSpans !== other.storedSpans) return one.storedSpans > other.storedSpans;
  return one.run > other.run;
}

export async function readRuns(engine: Pick<Engine, 'query' | 'tables'>, from: number, to: number): Promise<Run[]> {
  return validRuns(await rowsOf(engine, runsSql(engine.tables, from, to)));
}
