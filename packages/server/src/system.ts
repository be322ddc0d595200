import type { SystemIngest, SystemResponse } from '@throughline/trace/client';
import type { Readiness } from './readiness.ts';
import type { IngestStatus } from './ingest/ingest.ts';
import type { SpoolStatus } from './spool/spool-status.ts';
import type { StoreFacts } from './query/store-facts.ts';
import type { EngineState } from './storage/engine.ts';
import type { NodeStatus, StoreCollector } from './storage/store-node.ts';
import { withoutPasswords } from './without-passwords.ts';

export interface SystemOptions {
  readonly version: string;
  readonly storeKind: 'embedded' | 'clickhouse';
  readonly retention: SystemResponse['retention'];
  readonly ingest: () => Pick<IngestStatus, 'acceptedSpans' | 'rejectedSpans'>;
  readonly limitsReached: () => SystemResponse['limitsReached'];
  readonly engineState: () => EngineState;
  /** None where the store is embedded. */
  readonly nodes: () => readonly NodeStatus[];
  /** None where no other collector may store into the store. */
  readonly collectors: () => readonly StoreCollector[];
  readonly spool: () => SpoolStatus;
  readonly readiness: () => Readiness;
  /** Null where the store does not answer in time. */
  readonly storeFacts: (signal: AbortSignal) => Promise<StoreFacts | null>;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
}

const STORE_TIMEOUT_MS = 2_000;
const RATE_INTERVAL_MS = 5_000;
/** Spans a second are averaged over so many intervals. */
const RATE_INTERVALS = 12;

/** Puts the state of the collector together, out of what its modules report. */
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
    this.#timer = setInterval(() => this.note(), RATE_INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Notes how many spans were accepted, from which the rate follows. */
  note(): void {
    const { acceptedSpans: spans } = this.#options.ingest();
    this.#accepted.push({ atMs: this.#now(), spans });
    if (this.#accepted.length > RATE_INTERVALS) this.#accepted = this.#accepted.slice(-RATE_INTERVALS);
  }

  async answer(signal: AbortSignal): Promise<SystemResponse> {
    const { version, storeKind, retention, engineState, readiness, storeFacts, limitsReached } = this.#options;
    const { nodes, collectors } = this.#options;
    const { problems, warnings } = readiness();
    // A request for the state of the collector does not wait for a store that hangs.
    const facts = await storeFacts(AbortSignal.any([signal, AbortSignal.timeout(STORE_TIMEOUT_MS)]));
    return {
      version,
      uptimeSeconds: Math.floor((this.#now() - this.#startedMs) / 1000),
      store: {
        kind: storeKind,
        state: engineState().kind,
        ...(facts ?? NO_FACTS),
        nodes: nodes().map(shown),
        collectors: collectors().map(({ seen, ...collector }) => ({ ...collector, seen: seen.toISOString() })),
      },
      ingest: this.#ingest(),
      retention,
      limitsReached: limitsReached(),
      problems: [...problems, ...warnings].map(({ message }) => message),
    };
  }

  #ingest(): SystemIngest {
    const { acceptedSpans, rejectedSpans } = this.#options.ingest();
    const [first = { atMs: 0, spans: 0 }] = this.#accepted;
    const seconds = Math.max(1, (this.#now() - first.atMs) / 1000);
    const { backlogBytes, backlogAgeMs } = this.#options.spool();
    return {
      spansPerSecond: (acceptedSpans - first.spans) / seconds,
      acceptedSpans,
      rejectedSpans: Array.from(rejectedSpans, ([reason, spans]) => ({ reason, spans })).toSorted(
        (a, b) => b.spans - a.spans,
      ),
      spoolBytes: backlogBytes,
      spoolAgeSeconds: backlogAgeMs / 1000,
    };
  }
}

function shown({ since, troubles, ...node }: NodeStatus): SystemResponse['store']['nodes'][number] {
  return {
    ...node,
    since: since.toISOString(),
    troubles: troubles.map(({ code, message, since: from }) => ({
      code,
      message: withoutPasswords(message),
      since: from.toISOString(),
    })),
  };
}

const NO_FACTS: StoreFacts = { engineVersion: null, spanCount: null, diskBytes: null, firstDay: null, lastDay: null };
