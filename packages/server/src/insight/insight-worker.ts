/** The thread that compares windows of traces: from the engine's bytes to the answer. */
import { explainIncident, Vocabulary, type Explanation, type SpanTable } from '@throughline/trace/insight';
import { answerJobs } from '../answer-jobs.ts';
import { tableOf, type WindowRows } from './window-rows.ts';

export interface InsightJob {
  readonly baseline: WindowRows;
  readonly incident: WindowRows;
}

/** An explanation, and what it was made of. */
export interface IncidentExplanation extends Explanation {
  readonly baseline: ComparedWindow;
  readonly incident: ComparedWindow;
}

interface ComparedWindow {
  readonly spanCount: number;
  readonly readTraceCount: number;
  readonly readSpanCount: number;
}

answerJobs(({ baseline, incident }: InsightJob): IncidentExplanation => {
  const vocabulary = new Vocabulary();
  const before = tableOf(baseline, vocabulary);
  const during = tableOf(incident, vocabulary);
  return {
    ...explainIncident(before, during),
    baseline: comparedOf(baseline, before),
    incident: comparedOf(incident, during),
  };
});

function comparedOf({ spanCount }: WindowRows, { count, traceIds }: SpanTable): ComparedWindow {
  return { spanCount, readTraceCount: traceIds.length, readSpanCount: count };
}
