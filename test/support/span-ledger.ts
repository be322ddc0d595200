import { join } from 'node:path';
import { startEngine, type StartedEngine } from '../../packages/server/src/storage/testing/start-engine.ts';
import { auditStore } from './store-audit.ts';

type Rows = StartedEngine['rows'];

/** Keeps account of numbered requests: every span's id says which request it came with, and as which of its spans. */
export class SpanLedger {
  readonly spansPerRequest: number;
  readonly acknowledged = new Set<number>();
  /** Sent, and answered with a refusal: nothing of it may be stored. */
  readonly refused = new Set<number>();
  /** Sent, and the connection broke before an answer: stored once, or not at all. */
  readonly unanswered = new Set<number>();
  #next = 1;

  constructor(spansPerRequest: number) {
    this.spansPerRequest = spansPerRequest;
  }

  /** How many requests had which end. */
  get counts(): Readonly<Record<'acknowledged' | 'refused' | 'unanswered', number>> {
    const { acknowledged, refused, unanswered } = this;
    return { acknowledged: acknowledged.size, refused: refused.size, unanswered: unanswered.size };
  }

  /** Sends the next request once, as JSON, and writes down what became of it; answers the status, 0 where there was none. */
  async send(otlpUrl: string): Promise<number> {
    const response = await this.post(otlpUrl);
    await response?.arrayBuffer().catch(() => {});
    return response?.status ?? 0;
  }

  /** The same, with the whole answer; undefined where there was none. */
  async post(otlpUrl: string): Promise<Response | undefined> {
    const number = this.#next++;
    try {
      const response = await fetch(`${otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: aNumberedRequest(number, this.spansPerRequest),
      });
      // The status says it: the body may not arrive whole.
      (response.status === 200 ? this.acknowledged : this.refused).add(number);
      return response;
    } catch {
      this.unanswered.add(number);
      return undefined;
    }
  }

  /** The same for a sender of one's own, which answers whether it was acknowledged. What it throws goes on. */
  async enter(post: (number: number) => Promise<boolean>): Promise<boolean> {
    const number = this.#next++;
    this.unanswered.add(number);
    const isAcknowledged = await post(number);
    this.unanswered.delete(number);
    (isAcknowledged ? this.acknowledged : this.refused).add(number);
    return isAcknowledged;
  }

  /**
   * Compares the ledger with the store of a collector that has ended: every span of the ledger's service by its id, and then every
   * derived table with the spans.
   */
  async audit(dataDirectory: string): Promise<Audit> {
    await using store = await startEngine({}, join(dataDirectory, 'store'));
    return await this.auditRows(
      (sql, timeoutMs) => store.rows(sql, timeoutMs),
      () => auditStore(store),
    );
  }

  /** The same for a store that answers rows of a SELECT, with what compares its derived tables. */
  async auditRows(rows: Rows, rollups: () => Promise<string[]>): Promise<Audit> {
    const stored = await storedRequests(rows);
    const { spansPerRequest, acknowledged, refused, unanswered } = this;
    const isWhole = ({ spans, distinct }: StoredRequest): boolean =>
      spans === spansPerRequest && distinct === spansPerRequest;
    return {
      acknowledgedSpans: acknowledged.size * spansPerRequest,
      lost: [...acknowledged].filter((number) => (stored.get(number)?.distinct ?? 0) < spansPerRequest),
      twice: [...stored].filter(([, { spans, distinct }]) => spans > distinct).map(([number]) => number),
      inPart: [...stored].filter(([, request]) => !isWhole(request)).map(([number]) => number),
      refusedButStored: [...refused].filter((number) => stored.has(number)),
      unknown: [...stored.keys()].filter(
        (number) => !acknowledged.has(number) && !refused.has(number) && !unanswered.has(number),
      ),
      rollups: await rollups(),
    };
  }
}

/** The lists name requests, the last one tables; a collector that keeps its promises leaves all of them empty. */
export interface Audit {
  readonly acknowledgedSpans: number;
  readonly lost: number[];
  readonly twice: number[];
  readonly inPart: number[];
  readonly refusedButStored: number[];
  readonly unknown: number[];
  /** A sentence for each derived table that differs from what the stored spans give. */
  readonly rollups: string[];
}

export const NOTHING_WRONG = { lost: [], twice: [], inPart: [], refusedButStored: [], unknown: [], rollups: [] };

const DAY_MS = 86_400_000;
const LOADED_MS = Date.now();
/** In the first hours of a day, spans are of the end of the day before: those of hours earlier are of the same day then. */
const SHIFT_MS = LOADED_MS % DAY_MS < 4 * 3_600_000 ? (LOADED_MS % DAY_MS) + 60_000 : 0;
/** A test that goes on over midnight stays on the day on which it began. */
const LATEST_MS = LOADED_MS - SHIFT_MS - ((LOADED_MS - SHIFT_MS) % DAY_MS) + DAY_MS - 60_000;

function momentOfOneDay(nowMs: number): number {
  return Math.min(nowMs - SHIFT_MS, LATEST_MS);
}

/** The UTC day on which the spans that a ledger sends now start, as `2026-11-30`. */
export function dayOfSpans(): string {
  return new Date(momentOfOneDay(Date.now())).toISOString().slice(0, 10);
}

/**
 * One trace a request: the trace id is made of its number, a span's id is its number and the span's. Every third has no root, and three of four last longer
 * than an hour: by their starts, by one span, or by a start and the end of another.
 */
function aNumberedRequest(number: number, spans: number): string {
  const nowMs = momentOfOneDay(Date.now());
  const id = number.toString(16).padStart(8, '0');
  const spanId = (index: number): string => id + (index + 1).toString(16).padStart(8, '0');
  const minutes = MINUTES[number % MINUTES.length] ?? [];
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: SERVICE } }] },
        scopeSpans: [
          {
            spans: Array.from({ length: spans }, (_, index) => {
              const [from, to] = minutes[index] ?? [0, 0];
              // Of those without a root nothing has the id that their first span is below.
              const parentSpanId = index > 0 ? spanId(0) : number % 3 === 0 ? spanId(spans) : '';
              return {
                traceId: traceIdOfRequest(number),
                spanId: spanId(index),
                parentSpanId,
                name: 'operation',
                kind: 1 + (index % 2),
                startTimeUnixNano: `${nowMs + from * 60_000}000000`,
                endTimeUnixNano: `${nowMs + to * 60_000}000000`,
                attributes: [{ key: 'request', value: { intValue: String(number) } }],
              };
            }),
          },
        ],
      },
    ],
  });
}

/**
 * The id of the trace of a request, with its number in it. A cluster parts traces by their last four bytes, the lowest
 * first: there the number counts from the first on, so that shards take turns.
 */
export function traceIdOfRequest(number: number): string {
  return number.toString(16).padStart(26, '0').padEnd(32, '0');
}

/** From when to when the first spans of a request last, from the moment on when it is sent; all others are at that moment. */
const MINUTES: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [[-70, -70]],
  [[-70, 0]],
  [
    [-40, -40],
    [0, 30],
  ],
];

interface StoredRequest {
  readonly spans: number;
  readonly distinct: number;
}

/** Of every span that a ledger's requests have. */
export const SERVICE = 'ledger';

const STORED_REQUESTS = `SELECT reinterpretAsUInt32(reverse(substring(toString(span_id), 1, 4))) AS request,
  toUInt32(count()), toUInt32(uniqExact(span_id)) FROM throughline.spans WHERE service = '${SERVICE}' GROUP BY request`;

async function storedRequests(rows: Rows): Promise<Map<number, StoredRequest>> {
  const found = (await rows(STORED_REQUESTS, 60_000)).map((row) => row.map(Number) as [number, number, number]);
  return new Map(found.map(([request, spans, distinct]) => [request, { spans, distinct }]));
}
