/** The thread that works on large traces: one question at a time, from the engine's bytes to the answer. */
import { parentPort } from 'node:worker_threads';
import type { TraceRows } from './trace.ts';
import { answerOf, type OfTrace, type TraceAnswers, type TraceQuestion } from './trace-work.ts';

export interface TraceJob {
  readonly question: TraceQuestion;
  readonly rows: TraceRows;
}

export type TraceOutcome =
  | { readonly kind: 'answered'; readonly of: OfTrace<TraceAnswers[TraceQuestion]> }
  | { readonly kind: 'failed'; readonly message: string };

parentPort?.on('message', (job: TraceJob) => {
  const outcome = work(job);
  const isText = job.question === 'otlp' && outcome.kind === 'answered';
  const buffers = isText ? (outcome.of.answer as TraceAnswers['otlp']).map(({ buffer }) => buffer) : [];
  parentPort?.postMessage(outcome, buffers);
});

function work({ question, rows }: TraceJob): TraceOutcome {
  try {
    return { kind: 'answered', of: answerOf(question, rows) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
