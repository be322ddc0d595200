import { filledPart } from '../../request-metrics/duration-histogram.ts';
import type { PolicyContext } from '../policy.ts';
import { readRemoteSettings, type RemoteSettings } from './remote-settings.ts';
import type {
  NamedCounts,
  OperationCounts,
  StartedOperation,
  StatusCounts,
} from '../../request-metrics/operation-counts.ts';

const EXCHANGE_VERSION = 1;
export const EXCHANGE_INTERVAL_MS = 5000;
/** How much shorter or longer an interval may be, so that processes that started together do not send together. */
const JITTER = 0.2;
/** At the start and after a surge, two intervals are that much shorter: the collector must hear of all processes. */
const HURRY_FACTOR = 5;
const HURRIED_EXCHANGES = 2;

export interface ExchangeListener {
  /** `reported` is what the message said of an operation, in decisions a second. */
  accepted(settings: RemoteSettings, reported: (operation: StartedOperation) => number): void;
  /** In words, what went wrong. */
  failed(problem: string): void;
}

/** Reports request metrics to the collector every few seconds, and hands on what it responds. */
export class Exchange {
  readonly #context: PolicyContext;
  readonly #intervalMs: number;
  readonly #listener: ExchangeListener;
  readonly #writer: ExchangeWriter;
  #isAnswered = false;
  #cancel: () => void = () => undefined;
  #hurried = HURRIED_EXCHANGES;
  #isClosed = false;
  #isUnderWay = false;

  constructor(counts: OperationCounts, intervalMs: number, context: PolicyContext, listener: ExchangeListener) {
    this.#context = context;
    this.#intervalMs = intervalMs;
    this.#listener = listener;
    const instance = Math.floor(context.random() * 2 ** 52)
      .toString(16)
      .padStart(13, '0');
    this.#writer = new ExchangeWriter(counts, context.service, instance, context.clock.monotonicMs());
  }

  start(): void {
    this.#schedule();
    this.#context.atEnd(async () => {
      this.#isClosed = true;
      this.#cancel();
      // What was counted since the last message.
      await this.#context.post(this.#message());
    });
  }

  /** Sends soon, and soon again. */
  hurry(): void {
    if (this.#isClosed || this.#isUnderWay || this.#hurried > 0) return;
    this.#hurried = HURRIED_EXCHANGES;
    this.#cancel();
    this.#schedule();
  }

  #schedule(): void {
    const intervalMs = this.#hurried > 0 ? this.#intervalMs / HURRY_FACTOR : this.#intervalMs;
    this.#hurried = Math.max(0, this.#hurried - 1);
    const delayMs = intervalMs * (1 - JITTER + 2 * JITTER * this.#context.random());
    this.#cancel = this.#context.schedule(() => void this.#exchange(), delayMs);
  }

  async #exchange(): Promise<void> {
    this.#isUnderWay = true;
    const result = await this.#context.post(this.#message());
    this.#isUnderWay = false;
    if (this.#isClosed) return;
    if (result.kind === 'failed') this.#listener.failed(result.message);
    else if (result.status !== 200) this.#listener.failed(`it responded with status ${result.status}`);
    else {
      const settings = readRemoteSettings(result.body);
      this.#isAnswered = typeof settings !== 'string';
      if (typeof settings === 'string') this.#listener.failed(`invalid response: ${settings}`);
      else this.#listener.accepted(settings, (operation) => this.#writer.decidedPerSecond(operation));
    }
    this.#schedule();
  }

  #message(): string {
    return this.#writer.write(this.#context.clock.monotonicMs(), !this.#isAnswered);
  }
}

/** What was reported of an operation last. */
interface Reported {
  started: number;
  decided: number;
  requests: number;
  errors: number;
}

/**
 * Writes what is reported to the collector: of every operation with news, how much there was since the last message,
 * from which rates follow, and all counts since the start, so that a message that is lost or repeated changes no sum.
 */
class ExchangeWriter {
  readonly #counts: OperationCounts;
  readonly #service: string;
  readonly #instance: string;
  readonly #reported = new Map<StartedOperation, Reported>();
  readonly #recentDecided = new Map<StartedOperation, number>();
  readonly #startedMs: number;
  #windowMs = 0;
  #lastMs: number;

  constructor(counts: OperationCounts, service: string, instance: string, nowMs: number) {
    this.#counts = counts;
    this.#service = service;
    this.#instance = instance;
    this.#startedMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** `all` states every operation again, for a collector that may know nothing. */
  write(nowMs: number, all: boolean): string {
    const windowMs = nowMs - this.#lastMs;
    this.#windowMs = windowMs;
    this.#lastMs = nowMs;
    const operations: unknown[] = [];
    for (const operation of this.#counts.operations()) {
      const recent = this.#recent(operation);
      if (!all && recent.started === 0 && recent.requests === 0) continue;
      operations.push({
        name: operation.name,
        kind: operation.kind,
        recent,
        totals: totalsOf(operation, this.#counts.offset),
      });
    }
    return JSON.stringify({
      version: EXCHANGE_VERSION,
      service: this.#service,
      instance: this.#instance,
      windowMs: Math.round(windowMs),
      uptimeMs: Math.round(nowMs - this.#startedMs),
      otherRequests: this.#counts.otherRequests,
      operations,
    });
  }

  /** What the last message said of an operation. */
  decidedPerSecond(operation: StartedOperation): number {
    return this.#windowMs > 0 ? ((this.#recentDecided.get(operation) ?? 0) * 1000) / this.#windowMs : 0;
  }

  #recent(operation: StartedOperation): Reported {
    const { started, decided, requests, errors } = operation;
    const before = this.#reported.get(operation) ?? { started: 0, decided: 0, requests: 0, errors: 0 };
    this.#reported.set(operation, { started, decided, requests, errors });
    this.#recentDecided.set(operation, decided - before.decided);
    return {
      started: started - before.started,
      decided: decided - before.decided,
      requests: requests - before.requests,
      errors: errors - before.errors,
    };
  }
}

function totalsOf(operation: StartedOperation, offset: number): unknown[] {
  return [...operation.named.values()].flatMap((named: NamedCounts) =>
    named.statuses.flatMap((counts, status) =>
      counts === undefined ? [] : [{ name: named.name, status, ...durationsOf(counts, offset) }],
    ),
  );
}

/**
 * The filled part of the histogram: the index of its first bucket, as OTLP's scale 3 has it, and the counts from there
 * on.
 */
function durationsOf({ requests, durationSumNs, buckets }: StatusCounts, offset: number): object {
  const [first, counts] = filledPart(buckets);
  const durations = { offset: offset + first, counts };
  return { requests, durationSumNs: Math.round(durationSumNs), durations };
}
