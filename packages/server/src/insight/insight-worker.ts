/** The thread that works on many traces at once: from the engine's bytes to the answer. */
import {
  explainIncident,
  findChanges,
  Vocabulary,
  type Change,
  type Explanation,
  type SpanTable,
} from '@throughline/trace/insight';
import { answerJobs } from '../answer-jobs.ts';
import { apartOf, type Apart, type ApartJob } from './apart-rows.ts';
import {
  earlierErrorsOf,
  errorGroupsOf,
  type EarlierErrorsJob,
  type SeenEarlier,
  type ErrorGroupsPage,
  type ErrorsJob,
} from './error-rows.ts';
import { tableOf, type WindowRows } from './window-rows.ts';

export type InsightJob = WindowsJob | ErrorsJob | EarlierErrorsJob | ApartJob;

/** By what is asked. */
export interface InsightResults {
  readonly windows: Comparison;
  readonly errors: ErrorGroupsPage;
  readonly 'earlier-errors': SeenEarlier;
  readonly apart: Apart;
}

interface WindowsJob {
  readonly question: 'windows';
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

const ANSWERS: { readonly [Q in InsightJob['question']]: (job: JobOf<Q>) => InsightResults[Q] } = {
  windows: compare,
  errors: errorGroupsOf,
  'earlier-errors': earlierErrorsOf,
  apart: apartOf,
};

type JobOf<Q extends InsightJob['question']> = Extract<InsightJob, { readonly question: Q }>;

answerJobs((job: InsightJob) => answer(job));

function answer<Q extends InsightJob['question']>(job: JobOf<Q> & { readonly question: Q }): InsightResults[Q] {
  return ANSWERS[job.question](job);
}

function compare({ baseline, incident }: WindowsJob): Comparison {
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
}

function comparedOf({ spanCount }: WindowRows, { count, traceIds }: SpanTable): ComparedWindow {
  return { spanCount, readTraceCount: traceIds.length, readSpanCount: count };
}

/** Of the slices together. */
function minutesOf({ slices }: WindowRows): number {
  return slices.reduce((sum, { slice }) => sum + Number(slice.toUnixNano - slice.fromUnixNano) / MINUTE_NS, 0);
}
