import type { Clock } from '../span/clock.ts';
import { shownError } from '../runtime/shown.ts';
import type { PostResult } from '../export/transport/post-result.ts';
import type { OtlpKeyValue } from '../export/format/otlp-json.ts';
import { OTLP_JSON } from '../export/format/body-format.ts';
import { decodeErrorMessage } from '../export/format/otlp-response.ts';
import type { OperationCounts } from './operation-counts.ts';
import { writeMetrics } from './write-metrics.ts';

export interface MetricExportOptions {
  /** Sends one request. Never rejects. */
  readonly post: (body: string) => Promise<PostResult>;
  /** Calls once after a delay, without keeping the process alive. Returns what cancels it. */
  readonly schedule: (fn: () => void, delayMs: number) => () => void;
  readonly counts: OperationCounts;
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly resource: readonly OtlpKeyValue[];
  readonly intervalMs: number;
  readonly sent: () => void;
  /** In words, what went wrong. */
  readonly failed: (problem: string) => void;
}

/**
 * Sends request metrics as OTLP metrics, once an interval and when flushed. They are sums since the start: what does
 * not arrive is in the next ones. One request is under way at a time, and one more waits at most.
 */
export class MetricExport {
  readonly #options: MetricExportOptions;
  readonly #startUnixMs: number;
  #cancel: () => void = () => undefined;
  #isClosed = false;
  #underWay: Promise<boolean> = Promise.resolve(true);
  #waiting: Promise<boolean> | undefined;
  /** Requests in the counts that were reported last, and whether they arrived. */
  #reported = 0;
  #hasArrived = true;

  constructor(options: MetricExportOptions) {
    this.#options = options;
    this.#startUnixMs = options.clock.wallMs();
    this.#schedule();
  }

  /** Whether there are counts that no attempt was made to send. */
  get hasPending(): boolean {
    return this.#requests() > this.#reported;
  }

  /** Sends what has not arrived. Returns whether it has then; never rejects. */
  flush(): Promise<boolean> {
    return this.#hasArrived && !this.hasPending ? this.#underWay : this.#next();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #schedule(): void {
    const { schedule, intervalMs } = this.#options;
    this.#cancel = schedule(() => {
      void this.#next().then(() => this.#isClosed || this.#schedule());
    }, intervalMs);
  }

  #next(): Promise<boolean> {
    return (this.#waiting ??= this.#underWay.then(() => {
      this.#waiting = undefined;
      return (this.#underWay = this.#send());
    }));
  }

  async #send(): Promise<boolean> {
    const { clock, counts, failed, post, resource, sent } = this.#options;
    this.#reported = this.#requests();
    if (this.#reported === 0) return true;
    let problem: string | undefined;
    try {
      // A wall clock may go back; times must not contradict each other.
      const nowUnixMs = Math.max(clock.wallMs(), this.#startUnixMs);
      problem = problemOf(await post(writeMetrics(counts, resource, this.#startUnixMs, nowUnixMs)));
    } catch (error) {
      problem = shownError(error);
    }
    this.#hasArrived = problem === undefined;
    if (problem === undefined) sent();
    else failed(problem);
    return this.#hasArrived;
  }

  #requests(): number {
    let sum = 0;
    for (const { requests } of this.#options.counts.operations()) sum += requests;
    return sum;
  }
}

function problemOf(result: PostResult): string | undefined {
  if (result.kind === 'failed') return result.message;
  const { body, status } = result;
  if (status < 200 || status > 299) return `status ${status}: ${decodeErrorMessage(body)}`;
  const answer = OTLP_JSON.readResponse(body);
  return answer && answer.rejectedSpans > 0 ? answer.errorMessage : undefined;
}
