/** The thread that compares windows of traces: from the engine's bytes to the answer. */
import {
  explainIncident,
  findChanges,
  Vocabulary,
  type Change,
  type Explanation,
  type SpanTable,
} from '@throughline/trace/insight';
import { answerJobs } from '../answer-jobs.ts';
import { tableOf, type WindowRows } from './window-rows.ts';

export interface InsightJob {
  readonly baseline: WindowRows;
  readonly incident: WindowRows;
}

/** What two windows mean together, and how much of them was looked at. */
export interface Comparison {
  readonly explanation: Explanation & { readonly baseline: ComparedWindow; readonly incident: ComparedWindow };
  /** What matters most first. */
  readonly changes: readonly Change[];
}

interface ComparedWindow {
  readonly spanCount: number;
  readonly readTraceCount: number;
  readonly readSpanCount: number;
}

const MINUTE_NS = 60e9;

answerJobs(({ baseline, incident }: InsightJob): Comparison => {
  const vocabulary = new Vocabulary();
  const before = tableOf(baseline, vocabulary);
  const during = tableOf(incident, vocabulary);
  return {
    explanation: {
      ...explainIncident(before, during),
      baseline: comparedOf(baseline, before),
      incident: comparedOf(incident, during),
    },
    changes: findChanges(
      { table: before, minutes: minutesOf(baseline), share: baseline.share },
      { table: during, minutes: minutesOf(incident), share: incident.share },
    ),
  };
});

function comparedOf({ spanCount }: WindowRows, { count, traceIds }: SpanTable): ComparedWindow {
  return { spanCount, readTraceCount: traceIds.length, readSpanCount: count };
}

/** Of the slices together. */
function minutesOf({ slices }: WindowRows): number {
  return slices.reduce((sum, { slice }) => sum + Number(slice.toUnixNano - slice.fromUnixNano) / MINUTE_NS, 0);
}
