import type { Trace } from '@throughline/trace';
import { ApiClientError } from '@throughline/trace/client';
import { api } from '../../api/api.ts';
import { findSpans } from './find-spans.ts';
import type { Numbered, TraceWorkerResponse, TraceFailure, TraceRequest } from './trace-messages.ts';
import { buildTraceModel } from './trace-model.ts';

/** Fetching, parsing and analysis happen here, so that the page never freezes for a large trace. */
let opened: Trace | null = null;

self.addEventListener('message', (event: MessageEvent<Numbered<TraceRequest>>) => {
  // Every failure becomes a response, so the promise cannot be rejected.
  void reply(event.data);
});

async function reply({ id, message }: Numbered<TraceRequest>): Promise<void> {
  const given: Numbered<TraceWorkerResponse> = { id, message: await answer(message) };
  // A worker has one page to talk to, and no origin to name.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  self.postMessage(given);
}

async function answer(request: TraceRequest): Promise<TraceWorkerResponse> {
  try {
    if (request.kind === 'open') return await open(request.traceId);
    if (opened === null) throw new Error('no trace is open');
    if (request.kind === 'find') return { kind: 'found', spans: findSpans(opened, request.text) };
    return { kind: 'source', source: opened.source(request.index) };
  } catch (error) {
    return { kind: 'failed', failure: asFailure(error) };
  }
}

async function open(traceId: string): Promise<TraceWorkerResponse> {
  const { trace, model } = buildTraceModel(await api.trace(traceId));
  opened = trace;
  return { kind: 'opened', model };
}

function asFailure(error: unknown): TraceFailure {
  if (!(error instanceof ApiClientError)) return { code: 'analysis_failed', status: 0, message: String(error) };
  return { code: error.code, status: error.status, message: error.message };
}
