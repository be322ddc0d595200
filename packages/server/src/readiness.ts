import type { Readiness, ReadinessFinding } from './api/health-routes.ts';
import type { SpoolStatus } from './ingest/spool.ts';
import type { EngineState } from './storage/engine.ts';

/** Segments that were set aside are named up to this many. */
const SEGMENTS_NAMED = 10;

/** Puts into words what keeps the collector from its work, and what a person should look at. */
export function readiness(engine: EngineState, spool: SpoolStatus, stopping: boolean): Readiness {
  const problems: ReadinessFinding[] = [];
  if (stopping) problems.push({ code: 'stopping', message: 'the collector is stopping' });
  if (engine.kind === 'down') problems.push({ code: 'engine_down', message: engine.reason });
  else if (engine.kind !== 'ready') {
    problems.push({ code: `engine_${engine.kind}`, message: `the store is ${engine.kind}` });
  }
  if (spool.blockedBy !== null) problems.push({ code: 'spool_blocked', message: spool.blockedBy });
  return { problems, warnings: setAside(spool.rejectedSegments) };
}

function setAside(segments: readonly string[]): ReadinessFinding[] {
  if (segments.length === 0) return [];
  const more = segments.length - SEGMENTS_NAMED;
  const named = segments.slice(0, SEGMENTS_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const message = `the store refused ${segments.length} segments, which are kept in spool/rejected: ${named}`;
  return [{ code: 'segments_set_aside', message }];
}
