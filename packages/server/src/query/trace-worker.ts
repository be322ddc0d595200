/** The thread that works on large traces: one query at a time, from the engine's bytes to the answer. */
import { answerJobs } from '../answer-jobs.ts';
import { resultOfSeveral, type SeveralJob, type SeveralResults } from './several-traces.ts';
import type { TraceRows } from './trace.ts';
import { resultOf, type OfTrace, type TraceResults, type TraceQuery } from './trace-query.ts';

export type TraceJob = OneTraceJob | SeveralJob;

export interface OneTraceJob {
  readonly query: TraceQuery;
  readonly rows: TraceRows;
}

export type TraceJobResult = OfTrace<TraceResults[TraceQuery]> | SeveralResults[SeveralJob['query']];

answerJobs(
  (job: TraceJob): TraceJobResult => ('rows' in job ? resultOf(job.query, job.rows) : resultOfSeveral(job)),
  ({ query }, result) => (query === 'otlp' ? (result as OfTrace<TraceResults['otlp']>).answer : []),
);
