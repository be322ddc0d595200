import { setTimeout as delay } from 'node:timers/promises';
import { findAttribute, type Span, type TracesData } from '@throughline/trace';
import { ApiClient, ApiClientError } from '@throughline/trace/client';
import { DemoError } from './demo-error.ts';

const POLL_MS = 250;
/** The late statement takes about five seconds, a multiple of it on a busy machine. */
const STORED_TIMEOUT_MS = 90_000;

/** Waits until all of the trace is stored, the statement that outlives it too; answers its headline. */
export async function headlineOfLateTrace(uiUrl: string, traceId: string, signal: AbortSignal): Promise<string> {
  const api = new ApiClient(uiUrl);
  const deadline = performance.now() + STORED_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const trace = await api.trace(traceId).catch(notStoredYet);
    if (trace !== null && hasLateStatement(trace)) return (await api.story(traceId)).headline;
    await delay(POLL_MS, undefined, { signal });
  }
  throw new DemoError(
    'no_slow_trace',
    `the slow order's trace ${traceId} was not stored completely within ${STORED_TIMEOUT_MS / 1000} s`,
  );
}

/** Whether every parent is there, and a database span that ends after the root does. */
export function hasLateStatement(trace: TracesData): boolean {
  const spans = trace.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans));
  const ids = new Set(spans.map((span) => span.spanId));
  const root = spans.find(isRoot);
  if (root === undefined || spans.some((span) => !isRoot(span) && !ids.has(span.parentSpanId ?? ''))) return false;
  const rootEnd = BigInt(root.endTimeUnixNano);
  return spans.some(
    (span) => findAttribute(span.attributes, 'db.system.name') !== undefined && BigInt(span.endTimeUnixNano) > rootEnd,
  );
}

function isRoot(span: Span): boolean {
  return (span.parentSpanId ?? '') === '';
}

/** A trace whose first spans are on their way, and a collector that is busy, are both a reason to try again. */
function notStoredYet(error: unknown): null {
  if (error instanceof ApiClientError && (error.status === 404 || error.status >= 500)) return null;
  throw error;
}
