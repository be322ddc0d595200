/** The thread that works on large traces: one query at a time, from the engine's bytes to the answer. */
import { parentPort } from 'node:worker_threads';
import type { TraceRows } from './trace.ts';
import { resultOf, type OfTrace, type TraceResults, type TraceQuery } from './trace-query.ts';

export interface TraceJob {
  readonly query: TraceQuery;
  readonly rows: TraceRows;
}

export type TraceOutcome =
  | { readonly kind: 'answered'; readonly of: OfTrace<TraceResults[TraceQuery]> }
  | { readonly kind: 'failed'; readonly message: string };

parentPort?.on('message', (job: TraceJob) => {
  const outcome = work(job);
  const isText = job.query === 'otlp' && outcome.kind === 'answered';
  const buffers = isText ? (outcome.of.answer as TraceResults['otlp']).map(({ buffer }) => buffer) : [];
  parentPort?.postMessage(outcome, buffers);
});

function work({ query, rows }: TraceJob): TraceOutcome {
  try {
    return { kind: 'answered', of: resultOf(query, rows) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
