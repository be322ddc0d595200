import type { SpanSource } from '@throughline/trace';
import { basePath } from '../../api/base-path.ts';
import type { Numbered, TraceWorkerResponse, TraceFailure, TraceRequest } from './trace-messages.ts';
import type { TraceModel } from './trace-model.ts';

/** One trace, open in a worker of its own. `close` ends the worker; promises still open then never settle. */
export class TraceSession {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: TraceWorkerResponse) => void>();
  #lastId = 0;

  constructor() {
    this.#worker = new Worker(new URL('trace.worker.ts', import.meta.url), { type: 'module', name: basePath });
    this.#worker.addEventListener('message', (event: MessageEvent<Numbered<TraceWorkerResponse>>) => {
      this.#settle(event.data.id, event.data.message);
    });
    this.#worker.addEventListener('error', () => {
      const failure = { code: 'analysis_failed', status: 0, message: 'The page could not analyse this trace.' };
      for (const id of Array.from(this.#waiting.keys())) this.#settle(id, { kind: 'failed', failure });
    });
  }

  async open(traceId: string): Promise<{ model: TraceModel } | { failure: TraceFailure }> {
    const answer = await this.#ask({ kind: 'open', traceId });
    return answer.kind === 'opened' ? { model: answer.model } : { failure: failureOf(answer) };
  }

  /** Ascending span indices; empty for an empty text. */
  async find(text: string): Promise<Int32Array> {
    const answer = await this.#ask({ kind: 'find', text });
    if (answer.kind !== 'found') throw new Error(failureOf(answer).message);
    return answer.spans;
  }

  /** The span as it was received. */
  async source(index: number): Promise<SpanSource> {
    const answer = await this.#ask({ kind: 'source', index });
    if (answer.kind !== 'source') throw new Error(failureOf(answer).message);
    return answer.source;
  }

  close(): void {
    this.#worker.terminate();
    this.#waiting.clear();
  }

  #ask(message: TraceRequest): Promise<TraceWorkerResponse> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      const request: Numbered<TraceRequest> = { id, message };
      // A page talks to its worker itself, and has no origin to name.
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      this.#worker.postMessage(request);
    });
  }

  #settle(id: number, answer: TraceWorkerResponse): void {
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }
}

function failureOf(answer: TraceWorkerResponse): TraceFailure {
  if (answer.kind === 'failed') return answer.failure;
  return { code: 'analysis_failed', status: 0, message: `The worker sent "${answer.kind}" for another request.` };
}
