import { EngineError } from '../query/rows.ts';
import { QueueFullError } from '../query-limiter.ts';
import { Problem } from './problem.ts';

const MEMORY_LIMIT_EXCEEDED = 241;

/** The client closed the connection before its answer; nobody hears the error. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/** What is answered where something went wrong; what nobody foresaw is a 500 that gives nothing away. */
export function asProblem(error: unknown, retryAfterMs: number): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ClientLeft) return new Problem(499, 'client_left', 'the client left');
  const retryAfter = { 'Retry-After': String(Math.ceil(retryAfterMs / 1_000)) };
  if (error instanceof QueueFullError) {
    return new Problem(503, 'too_many_questions', error.message, retryAfter);
  }
  if (isTimeout(error)) {
    return new Problem(504, 'timeout', 'the answer took too long; ask for less, such as a shorter range of time');
  }
  if (error instanceof EngineError) {
    if (error.code === 'unavailable') {
      return new Problem(503, 'store_unavailable', error.message, retryAfter);
    }
    if (error.code === 'timeout') return new Problem(504, 'timeout', error.message);
    if (error.code === 'too_large' && error.clickhouseCode === MEMORY_LIMIT_EXCEEDED) {
      const message = 'the question needs more memory than one may have; ask for a shorter time or filter by more';
      return new Problem(422, 'question_too_large', message);
    }
    if (error.code === 'too_large') {
      return new Problem(
        422,
        'answer_too_large',
        'the answer is too large; ask for less, such as a shorter range of time',
      );
    }
  }
  return new Problem(500, 'internal', 'the question failed; the log of the server says why');
}

/** The signal's reason where the time for an answer is up. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
