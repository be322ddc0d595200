import type { SystemIngest, SystemResponse } from '@throughline/trace';
import type { Counter, Registry } from 'prom-client';
import type { Readiness } from './api/health-routes.ts';
import type { SpoolStatus } from './ingest/spool.ts';
import type { StoreFacts } from './query/store-facts.ts';
import type { EngineState } from './storage/engine.ts';

export interface SystemOptions {
  readonly version: string;
  readonly storeKind: 'embedded' | 'clickhouse';
  readonly retention: SystemResponse['retention'];
  readonly registry: Registry;
  readonly engineState: () => EngineState;
  readonly spool: () => SpoolStatus;
  readonly readiness: () => Readiness;
  /** Null where the store does not answer in time. */
  readonly storeFacts: (signal: AbortSignal) => Promise<StoreFacts | null>;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

const STORE_TIMEOUT_MS = 2_000;
const RATE_INTERVAL_MS = 5_000;
/** Spans a second are told over so many intervals. */
const RATE_INTERVALS = 12;

/** Puts together how the collector is, out of its metrics and what its rooms say. */
export class System {
  readonly #options: SystemOptions;
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #timer: NodeJS.Timeout;
  #accepted: { readonly atMs: number; readonly spans: number }[] = [];

  constructor(options: SystemOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#startedMs = this.#now();
    this.#accepted.push({ atMs: this.#startedMs, spans: 0 });
    this.#timer = setInterval(() => void this.note(), RATE_INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Notes how many spans were accepted, from which the rate follows. */
  async note(): Promise<void> {
    const spans = await this.#total('throughline_accepted_spans_total');
    this.#accepted.push({ atMs: this.#now(), spans });
    if (this.#accepted.length > RATE_INTERVALS) this.#accepted = this.#accepted.slice(-RATE_INTERVALS);
  }

  async answer(signal: AbortSignal): Promise<SystemResponse> {
    const { version, storeKind, retention, engineState, readiness, storeFacts } = this.#options;
    const { problems, warnings } = readiness();
    const [facts, ingest, limits] = await Promise.all([
      // Whoever asks how the collector is does not wait for a store that hangs.
      storeFacts(AbortSignal.any([signal, AbortSignal.timeout(STORE_TIMEOUT_MS)])),
      this.#ingest(),
      this.#byLabel('throughline_limit_reached_total', 'limit'),
    ]);
    return {
      version,
      uptimeSeconds: Math.floor((this.#now() - this.#startedMs) / 1000),
      store: { kind: storeKind, state: engineState().kind, ...(facts ?? NO_ANSWER) },
      ingest,
      retention,
      limitsReached: limits.map(([limit, times]) => ({ limit, times })),
      problems: [...problems, ...warnings].map(({ message }) => message),
    };
  }

  async #ingest(): Promise<SystemIngest> {
    const acceptedSpans = await this.#total('throughline_accepted_spans_total');
    const [first = { atMs: 0, spans: 0 }] = this.#accepted;
    const seconds = Math.max(1, (this.#now() - first.atMs) / 1000);
    const refused = await this.#byLabel('throughline_rejected_spans_total', 'reason');
    const { backlogBytes, backlogAgeMs } = this.#options.spool();
    return {
      spansPerSecond: (acceptedSpans - first.spans) / seconds,
      acceptedSpans,
      refusedSpans: refused.map(([reason, spans]) => ({ reason, spans })),
      spoolBytes: backlogBytes,
      spoolAgeSeconds: backlogAgeMs / 1000,
    };
  }

  async #total(name: string): Promise<number> {
    const values = await this.#values(name);
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  /** Those above 0, the largest first. */
  async #byLabel(name: string, label: string): Promise<[string, number][]> {
    const values = await this.#values(name);
    return values
      .filter(({ value }) => value > 0)
      .map(({ labels, value }): [string, number] => [String(labels[label]), value])
      .toSorted(([, a], [, b]) => b - a);
  }

  async #values(name: string): Promise<{ labels: Record<string, string | number | undefined>; value: number }[]> {
    const metric = this.#options.registry.getSingleMetric(name) as Counter | undefined;
    return metric === undefined ? [] : (await metric.get()).values;
  }
}

const NO_ANSWER: StoreFacts = { engineVersion: null, spanCount: null, diskBytes: null, firstDay: null, lastDay: null };
