import { EngineError } from './engine.ts';

const TIMEOUT_EXCEEDED = 159;
const RESULT_TOO_LARGE = 396;
const MEMORY_LIMIT_EXCEEDED = 241;
/** One statement's limit, by the words of new and of old servers: what it does is too much, whatever else runs. */
const QUERY_LIMIT = /query memory limit|\(for query\)/i;

/**
 * Errors of ClickHouse that pass with time: memory of the whole server (173, 241), disk space (243), files and
 * descriptors (74, 75, 76), too many parts (252), too many queries (202), threads (439), a query that was cancelled
 * (394), a server that shuts down (236), a table that is read-only for a while (242), Keeper out of reach (225, 319,
 * 999), a quorum that is not there yet or busy with another insert (285, 286), a replica that lacks its last one (289),
 * another server of the cluster out of reach (198, 209, 210, 279).
 */
const PASSING_CODES = new Set([
  74, 75, 76, 173, 198, 202, 209, 210, 225, 236, 241, 242, 243, 252, 279, 285, 286, 289, 319, 394, 439, 999,
]);

/** `clickhouseCode` is the engine's own number for the error, 0 where it gave none. */
export function toEngineError(clickhouseCode: number, message: string): EngineError {
  if (clickhouseCode === TIMEOUT_EXCEEDED) return new EngineError('timeout', message, { clickhouseCode });
  if (clickhouseCode === RESULT_TOO_LARGE) return new EngineError('too_large', message, { clickhouseCode });
  if (clickhouseCode === MEMORY_LIMIT_EXCEEDED && QUERY_LIMIT.test(message)) {
    return new EngineError('too_large', message, { clickhouseCode });
  }
  const passes = PASSING_CODES.has(clickhouseCode) || message.includes('No space left on device');
  return new EngineError(passes ? 'unavailable' : 'rejected', message, { clickhouseCode });
}
