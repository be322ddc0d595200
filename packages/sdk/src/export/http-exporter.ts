import type { Diagnostics } from '../runtime/diagnostics.ts';
import type { TracerCounters, DropReason } from '../runtime/tracer-stats.ts';
import type { BodyFormat } from './format/body-format.ts';
import type { ChunkExporter } from './exporter.ts';
import { shownError } from '../runtime/shown.ts';
import { withoutSecrets } from '../runtime/without-secrets.ts';
import { systemTimers, type Timers } from '../runtime/timers.ts';
import { failureHint } from './transport/failure-hint.ts';
import type { HttpTransport } from './transport/http-transport.ts';
import type { PostResult } from './transport/post-result.ts';
import type { Chunk } from './encode/otlp-encoder.ts';
import { decodeErrorMessage, shortText } from './format/otlp-response.ts';
import { pauseMs, RETRYABLE_STATUS, type RetryOptions } from './transport/retry.ts';
import { countOf } from '../runtime/count-of.ts';

export interface HttpExporterOptions {
  readonly transport: HttpTransport;
  readonly format: BodyFormat;
  /** As it is shown in warnings. */
  readonly url: string;
  readonly maxQueueBytes: number;
  /** Spans that may wait or be under way. */
  readonly maxQueueSize: number;
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly retry: RetryOptions;
  readonly counters: TracerCounters;
  readonly diagnostics: Diagnostics;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
  /** The system's by default. */
  readonly timers?: Timers | undefined;
}

interface QueuedChunk extends Chunk {
  attempts: number;
}

interface FlushWaiter {
  readonly chunks: Set<QueuedChunk>;
  /** It does not wait for a collector that is unreachable. */
  readonly isHurried: boolean;
  readonly done: (isAllDealtWith: boolean) => void;
}

/** Rounds in a row without a connection after which a hurried flush does not wait for another: one may be a restart. */
const UNREACHABLE_AFTER_FAILURES = 2;
const UNEXPECTED_HINT = 'OTLP over HTTP is port 4318';

/**
 * Sends chunks to a collector. What waits and what is under way is bounded by `maxQueueBytes` and `maxQueueSize`;
 * beyond it the newest chunk is dropped and counted. While the collector fails, one request at a time finds out whether
 * it is back.
 */
export class HttpExporter implements ChunkExporter {
  readonly #options: HttpExporterOptions;
  readonly #timers: Timers;
  readonly #waiting: QueuedChunk[] = [];
  readonly #inFlight = new Set<QueuedChunk>();
  readonly #flushes = new Set<FlushWaiter>();
  #pendingBytes = 0;
  #pendingSpans = 0;
  /** Rounds, from one pause to the next, of which nothing arrived: two requests that fail together are one outage. */
  #failuresInARow = 0;
  #hasRoundFailed = false;
  /** Set while a pause before the next attempt runs, … */
  #pause: NodeJS.Timeout | undefined;
  /** … until this moment of `performance.now()`. */
  #pauseEndsAtMs = 0;
  #pauseWasAskedFor = false;
  #lastEndedAtMs = -Infinity;
  #closed = false;
  #isHeld = false;

  constructor(options: HttpExporterOptions) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Bytes waiting or under way. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** When a request last ended, one that had been given up too, as `performance.now()`. */
  get lastEndedAtMs(): number {
    return Math.max(this.#lastEndedAtMs, this.#options.transport.lastEndedAtMs ?? -Infinity);
  }

  get inFlightSpans(): number {
    let spans = 0;
    for (const { spanCount } of this.#inFlight) spans += spanCount;
    return spans;
  }

  enqueue(newChunk: Chunk): void {
    const chunk: QueuedChunk = { ...newChunk, attempts: 0 };
    const { bytes } = chunk;
    if (this.#closed) {
      this.#count('shutdown', chunk);
      chunk.release();
      return;
    }
    const limit = this.#limitReachedBy(chunk);
    if (limit !== undefined) {
      this.#count('queue_full', chunk);
      chunk.release();
      const line = `export queue full for ${this.#options.url} (${limit}): dropping new spans`;
      this.#options.diagnostics.state('queue', 'full', line);
      return;
    }
    this.#pendingBytes += bytes.length;
    this.#pendingSpans += chunk.spanCount;
    this.#waiting.push(chunk);
    this.#pump();
  }

  flush(timeoutMs: number, isHurried = false): Promise<boolean> {
    const chunks = new Set([...this.#waiting, ...this.#inFlight]);
    if (chunks.size === 0) return Promise.resolve(true);
    // This pause is our own choice; a flush has no time for it.
    if (this.#pause !== undefined && !this.#pauseWasAskedFor) this.#endPause();
    // The collector wants a longer pause than there is time.
    if (isHurried && this.#pause !== undefined && this.#pauseEndsAtMs - this.#timers.now() > timeoutMs) {
      return Promise.resolve(false);
    }
    this.#pump();
    return new Promise((resolve) => {
      const waiter: FlushWaiter = {
        chunks,
        isHurried,
        done: (isAllDealtWith) => {
          this.#timers.stop(deadline);
          this.#flushes.delete(waiter);
          resolve(isAllDealtWith);
        },
      };
      // This timer alone holds the process: sockets and pauses do not.
      const deadline = this.#timers.start(() => waiter.done(false), timeoutMs);
      this.#flushes.add(waiter);
    });
  }

  hold(): void {
    this.#isHeld = true;
  }

  /** What is under way is sent once more: whether it has arrived cannot be known in time. */
  flushBlocking(timeoutMs: number): void {
    const chunks = [...this.#inFlight, ...this.#waiting];
    // A collector that was unreachable a moment ago is not waited for.
    if (chunks.length === 0 || this.#failuresInARow > 0 || timeoutMs <= 0) return;
    const { transport, format, counters } = this.#options;
    const statuses = transport.postBlocking(
      chunks.map(({ bytes }) => format.encode(bytes)),
      timeoutMs,
    );
    const delivered = chunks.filter((_, i) => isSuccess(statuses[i] ?? 0));
    for (const chunk of delivered) {
      if (!this.#inFlight.delete(chunk)) this.#waiting.splice(this.#waiting.indexOf(chunk), 1);
      counters.exported += chunk.spanCount;
      counters.exportedBytes += chunk.bytes.length;
      this.#finish(chunk);
    }
  }

  /** Drops what is still pending. */
  discard(): void {
    // Where the process goes on after all, so does the export.
    this.#isHeld = false;
    this.#endPause();
    for (const chunk of this.#waiting.splice(0)) this.#drop('shutdown', chunk);
    for (const chunk of this.#inFlight) this.#drop('shutdown', chunk);
    this.#inFlight.clear();
    // A request that nobody waits for any more must not keep the process.
    this.#options.transport.abort();
  }

  /** Drops what is still pending, takes nothing any more, and closes the connections. */
  close(): void {
    this.#closed = true;
    this.discard();
    this.#options.transport.close();
  }

  #pump(): void {
    const allowed = this.#failuresInARow > 0 ? 1 : this.#options.concurrency;
    while (!this.#isHeld && this.#pause === undefined && this.#inFlight.size < allowed) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) return;
      this.#inFlight.add(chunk);
      void this.#send(chunk);
    }
  }

  /** Never rejects: `post` does not, and the rest is bookkeeping. */
  async #send(chunk: QueuedChunk): Promise<void> {
    chunk.attempts++;
    const result = await this.#post(chunk);
    this.#lastEndedAtMs = this.#timers.now();
    // `close` may have given it up meanwhile.
    if (!this.#inFlight.delete(chunk)) return;
    if (result.kind === 'answered') this.#answered(chunk, result);
    else {
      this.#failed(chunk, result.message, undefined, undefined);
      if (result.isUnreachable === true && this.#failuresInARow >= UNREACHABLE_AFTER_FAILURES)
        this.#endHurriedFlushes();
    }
    this.#pump();
  }

  async #post(chunk: QueuedChunk): Promise<PostResult> {
    const { transport, format } = this.#options;
    try {
      return await transport.post(format.encode(chunk.bytes));
    } catch (error) {
      // It would be our own fault, and must neither become the application's nor stop the queue.
      return { kind: 'failed', message: `making the request failed: ${shownError(error)}` };
    }
  }

  #answered(chunk: QueuedChunk, { status, body, retryAfterMs, location }: PostResult & { kind: 'answered' }): void {
    if (isSuccess(status)) {
      this.#delivered(chunk, body);
      return;
    }
    const said = decodeErrorMessage(body);
    const leads = location === undefined ? '' : ` redirect to ${shortText(withoutSecrets(location))} (not followed)`;
    const message = `${status}${leads}${said === '' ? '' : `: ${said}`}`;
    if (RETRYABLE_STATUS.has(status)) this.#failed(chunk, message, status, retryAfterMs);
    else this.#rejected(chunk, message, status);
  }

  #delivered(chunk: QueuedChunk, body: Uint8Array): void {
    const { counters, diagnostics, url } = this.#options;
    this.#failuresInARow = 0;
    this.#hasRoundFailed = false;
    diagnostics.state(
      'export',
      'ok',
      `export to ${url} recovered; ${countOf(counters.droppedSpans(), 'span')} dropped so far`,
    );
    diagnostics.state('queue', 'ok', 'export queue has room again');
    const response = this.#options.format.readResponse(body);
    const rejected = Math.min(response?.rejectedSpans ?? 0, chunk.spanCount);
    counters.exported += chunk.spanCount - rejected;
    counters.exportedBytes += chunk.bytes.length;
    counters.dropped.rejected += rejected;
    if (response === undefined) {
      counters.lastError = `unexpected response from ${url}`;
      diagnostics.state(
        'response',
        'unexpected',
        `${counters.lastError}: is it an OTLP/HTTP endpoint? (${UNEXPECTED_HINT})`,
      );
    } else if (rejected > 0) {
      counters.lastError = response.errorMessage;
      diagnostics.state(
        'partial',
        'rejected',
        `collector at ${url} rejected ${countOf(rejected, 'span')}: ${response.errorMessage}; dropped`,
      );
    } else if (response.errorMessage !== '') {
      diagnostics.state('advice', 'given', `warning from the collector at ${url}: ${response.errorMessage}`);
    }
    this.#finish(chunk);
    chunk.release();
  }

  #failed(chunk: QueuedChunk, message: string, status: number | undefined, retryAfterMs: number | undefined): void {
    const { counters, diagnostics, retry, url } = this.#options;
    counters.lastError = message;
    if (!this.#hasRoundFailed) this.#failuresInARow++;
    this.#hasRoundFailed = true;
    const willRetry = chunk.attempts < retry.maxAttempts;
    diagnostics.state(
      'export',
      'failing',
      `export to ${url} failed: ${message}${failureHint(url, status, message)}; ${willRetry ? 'retrying' : 'dropped'}`,
    );
    if (willRetry) {
      counters.retries++;
      this.#waiting.unshift(chunk);
    } else this.#drop('export_failed', chunk);
    this.#startPause(retryAfterMs);
  }

  #rejected(chunk: QueuedChunk, message: string, status: number): void {
    const { counters, diagnostics, url } = this.#options;
    counters.lastError = message;
    const hint = failureHint(url, status, message);
    diagnostics.state('export', 'rejected', `collector at ${url} rejected spans: ${message}${hint}; dropped`);
    this.#drop('export_failed', chunk);
  }

  #endHurriedFlushes(): void {
    for (const waiter of this.#flushes) if (waiter.isHurried) waiter.done(false);
  }

  #startPause(retryAfterMs: number | undefined): void {
    const { retry, random } = this.#options;
    const now = this.#timers.now();
    const endsAtMs = now + pauseMs(retry, this.#failuresInARow, retryAfterMs, random);
    if (this.#pause === undefined) this.#pauseWasAskedFor = false;
    // Of two requests that fail together the longer Retry-After counts.
    else if (endsAtMs <= this.#pauseEndsAtMs) return;
    this.#pauseWasAskedFor ||= retryAfterMs !== undefined;
    this.#timers.stop(this.#pause);
    this.#pauseEndsAtMs = endsAtMs;
    this.#pause = this.#timers
      .start(() => {
        this.#endPause();
        this.#pump();
      }, endsAtMs - now)
      .unref();
  }

  #endPause(): void {
    this.#timers.stop(this.#pause);
    this.#pause = undefined;
    this.#hasRoundFailed = false;
  }

  #drop(reason: DropReason, chunk: QueuedChunk): void {
    this.#count(reason, chunk);
    this.#finish(chunk);
  }

  /** Which limit a chunk would go beyond, in words. */
  #limitReachedBy(chunk: Chunk): string | undefined {
    const { maxQueueBytes, maxQueueSize } = this.#options;
    // One chunk is always taken: a limit below a chunk's size slows down, it does not silence.
    if (this.#pendingSpans === 0) return undefined;
    if (this.#pendingBytes + chunk.bytes.length > maxQueueBytes) return `maxQueueBytes ${sizeText(maxQueueBytes)}`;
    return this.#pendingSpans + chunk.spanCount > maxQueueSize ? `maxQueueSize ${maxQueueSize}` : undefined;
  }

  #count(reason: DropReason, chunk: QueuedChunk): void {
    this.#options.counters.dropped[reason] += chunk.spanCount;
  }

  /** Takes a chunk that was pending out of the books. */
  #finish(chunk: QueuedChunk): void {
    this.#pendingBytes -= chunk.bytes.length;
    this.#pendingSpans -= chunk.spanCount;
    for (const waiter of this.#flushes) {
      waiter.chunks.delete(chunk);
      if (waiter.chunks.size === 0) waiter.done(true);
    }
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** A number of bytes as people write it, where it is a whole one of MiB or KiB. */
function sizeText(bytes: number): string {
  if (bytes % MIB === 0) return `${bytes / MIB} MiB`;
  return bytes % KIB === 0 ? `${bytes / KIB} KiB` : `${bytes} bytes`;
}

const KIB = 1024;
const MIB = 1024 * KIB;
