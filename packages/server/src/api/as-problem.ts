import { EngineError, ShardAwayError } from '../query/rows.ts';
import { QueueFullError } from '../limiter.ts';
import { overloaded } from '../http/refusal.ts';
import { Problem, problemOf } from '../http/problem.ts';

const MEMORY_LIMIT_EXCEEDED = 241;

/** The client closed the connection before its answer; nobody hears the error. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/** What is answered where something went wrong; what nobody foresaw is a 500 that gives nothing away. */
export function asProblem(error: unknown, retryAfterMs: number): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ClientLeft) return new Problem(499, 'client_left', 'the client left');
  if (error instanceof QueueFullError) {
    return problemOf(overloaded(error.message, retryAfterMs, 'too_many_queries'));
  }
  if (isTimeout(error)) {
    return new Problem(504, 'timeout', 'the query timed out; query less, such as a shorter time range');
  }
  if (error instanceof ShardAwayError) {
    return problemOf(overloaded(error.message, retryAfterMs, 'shard_unavailable'));
  }
  if (error instanceof EngineError) {
    if (error.code === 'unavailable') {
      return problemOf(overloaded(error.message, retryAfterMs, 'store_unavailable'));
    }
    if (error.code === 'timeout') return new Problem(504, 'timeout', error.message);
    if (error.code === 'too_large' && error.clickhouseCode === MEMORY_LIMIT_EXCEEDED) {
      const message = 'the query needs more memory than it may use; query a shorter time range or add filters';
      return new Problem(422, 'query_too_large', message);
    }
    if (error.code === 'too_large') {
      return new Problem(
        422,
        'response_too_large',
        'the response is too large; query less, such as a shorter time range',
      );
    }
  }
  return new Problem(500, 'internal', 'the query failed; see the log of the collector');
}

/** The signal's reason where the time for an answer is up. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}
