import { parentPort } from 'node:worker_threads';
import type { JobOutcome } from './job-thread.ts';

/**
 * What the program of a `JobThread` does: answers one job after the other. `bytesOf` returns the bytes of a result that
 * are handed over, not copied.
 */
export function answerJobs<J, R>(
  work: (job: J) => R,
  bytesOf: (job: J, result: R) => readonly Uint8Array<ArrayBuffer>[] = () => [],
): void {
  parentPort?.on('message', (job: J) => {
    const outcome = outcomeOf(work, job);
    const bytes = outcome.kind === 'answered' ? bytesOf(job, outcome.result) : [];
    parentPort?.postMessage(
      outcome,
      bytes.map(({ buffer }) => buffer),
    );
  });
}

function outcomeOf<J, R>(work: (job: J) => R, job: J): JobOutcome<R> {
  try {
    return { kind: 'answered', result: work(job) };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}
