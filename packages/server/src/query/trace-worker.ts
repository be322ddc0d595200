/** The thread that works on large traces: one query at a time, from the engine's bytes to the answer. */
import { answerJobs } from '../answer-jobs.ts';
import type { TraceRows } from './trace.ts';
import { resultOf, type OfTrace, type TraceResults, type TraceQuery } from './trace-query.ts';

export interface TraceJob {
  readonly query: TraceQuery;
  readonly rows: TraceRows;
}

answerJobs(
  ({ query, rows }: TraceJob): OfTrace<TraceResults[TraceQuery]> => resultOf(query, rows),
  ({ query }, { answer }) => (query === 'otlp' ? (answer as TraceResults['otlp']) : []),
);
