import { parseTraceId, TRACE_ID_ACCEPTED } from '@throughline/trace/client';
import { Problem } from '../http/problem.ts';

/** What the path of a route names that is about one trace. */
export const tracePath = { traceId: TRACE_ID_ACCEPTED };

export const traceProblems = { 404: 'trace_not_found: no span of the trace is stored; not_found: the path names none' };

/** Throws a 400 for what is no ID of a trace. */
export function readTraceId(given = ''): string {
  const traceId = parseTraceId(given);
  if (traceId !== null) return traceId;
  const shown = JSON.stringify(given.slice(0, 100));
  throw new Problem(400, 'invalid_trace_id', `${shown} is not a trace id; expected ${TRACE_ID_ACCEPTED}`);
}

export function traceNotFound(traceId: string): Problem {
  return new Problem(404, 'trace_not_found', `no span of trace ${traceId} is stored`);
}
