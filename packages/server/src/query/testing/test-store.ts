import type { AnyValue } from '@throughline/trace';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { Jobs } from '../../jobs/jobs.ts';
import { EmbeddedEngine } from '../../storage/embedded/embedded-engine.ts';
import { RollupJob } from '../../storage/rollups/rollup-job.ts';
import { SpanVisibility } from '../../storage/span-visibility.ts';
import { AttributeType } from '../../storage/schema.ts';
import { sqlString } from '../../storage/sql.ts';
import { emptyStore, newStore } from '../../storage/testing/new-store.ts';
import { QUERY_LIMITS } from '../limits.ts';
import type { QueryContext } from '../rows.ts';

/** The real engine on a directory of its own; what a test stores goes past the spool, and is counted at once. */
export interface TestStore {
  readonly context: QueryContext;
  /** Resolves with the arrival of the spans. */
  store(spans: readonly StoredSpan[]): Promise<number>;
  /** Stores without counting. */
  put(spans: readonly StoredSpan[], arrival: number): Promise<void>;
  /** As a segment of the spool holds them. */
  native(spans: readonly StoredSpan[], arrival: number): Promise<Uint8Array>;
  /** Counts what a test has inserted by itself. */
  count(): Promise<void>;
  /** Takes everything out of it that was stored, for the next test. */
  empty(): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly statusCode: number;
  readonly traceState: string;
  readonly startNs: bigint;
  readonly durationNs: bigint;
  readonly attributes: StoredAttributes;
  readonly resource: StoredAttributes;
  readonly scope: StoredAttributes;
  /** Those of its one event. */
  readonly event: StoredAttributes;
  /** 1: its operation is beyond the limits of the rollups; 2: its service is. */
  readonly rollupOther: 0 | 1 | 2;
}

/** A text, or the elements of an array. */
export type StoredAttributes = Readonly<Record<string, string | readonly AnyValue[]>>;

export const TEST_START_NS = 1_700_000_000_000_000_000n;

export function aStoredSpan(overrides: Partial<StoredSpan> = {}): StoredSpan {
  return {
    traceId: '1'.repeat(32),
    spanId: '2'.repeat(16),
    parentSpanId: '0'.repeat(16),
    service: 'shop',
    name: 'GET /',
    kind: 0,
    statusCode: 0,
    traceState: '',
    startNs: TEST_START_NS,
    durationNs: 1_000_000n,
    attributes: {},
    resource: {},
    scope: {},
    event: {},
    rollupOther: 0,
    ...overrides,
  };
}

export async function openTestStore(): Promise<TestStore> {
  const directory = await newStore('throughline-query-');
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const engine = new EmbeddedEngine({
    directory,
    log,
    registry,
    processPath: new URL('../../../dist/storage/process/embedded-process.js', import.meta.url),
  });
  await engine.start();
  let arrival = 0;
  const rollups = new RollupJob({
    engine,
    visibility: new SpanVisibility(),
    log,
    registry,
    jobs: new Jobs({ log, registry: new Registry() }),
    firstUnstored: () => null,
    lastArrival: () => arrival,
  });
  let files = 0;
  // A file, since a statement with as many values costs the engine milliseconds a span.
  const selecting = async <T>(
    spans: readonly StoredSpan[],
    arrivedAt: number,
    use: (sql: string) => Promise<T>,
  ): Promise<T> => {
    files += 1;
    const path = join(directory, `spans-of-the-test-${files}.jsonl`);
    await writeFile(path, spans.map((span) => `${lineOf(span, arrivedAt)}\n`).join(''));
    return await use(`SELECT ${SELECTED} FROM file(${sqlString(path)}, 'JSONCompactEachRow', ${sqlString(STRUCTURE)})`);
  };
  const put = (spans: readonly StoredSpan[], arrivedAt: number): Promise<void> =>
    selecting(spans, arrivedAt, (rows) => engine.command(`INSERT INTO throughline.spans (${INSERTED}) ${rows}`));
  const close = async (): Promise<void> => {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    context: { engine, limits: QUERY_LIMITS, signal: new AbortController().signal },
    store: async (spans) => {
      arrival += 1;
      await put(spans, arrival);
      await rollups.run(true);
      return arrival;
    },
    put,
    native: (spans, arrivedAt) =>
      selecting(spans, arrivedAt, (rows) => engine.query(rows, { format: 'Native', timeoutMs: 240_000 })),
    count: async () => {
      // What was inserted without an arrival has the engine's time.
      arrival = Math.max(arrival, Date.now() * 1_000);
      await rollups.run(true);
    },
    empty: () => emptyStore(engine),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The columns that are inserted, by what they have in the file of a test's spans, and as what. */
const COLUMNS: readonly (readonly [name: string, type: string, value?: string])[] = [
  ['arrival', 'UInt64'],
  ['trace_id', 'String', 'unhex(trace_id)'],
  ['span_id', 'String', 'unhex(span_id)'],
  ['parent_span_id', 'String', 'unhex(parent_span_id)'],
  ['service', 'String'],
  ['name', 'String'],
  ['kind', 'UInt8'],
  ['status_code', 'UInt8'],
  ['trace_state', 'String'],
  ['start_s', 'Int64', 'toDateTime(start_s)'],
  ['start_ns', 'Int64'],
  ['duration_ns', 'Int64'],
  ['attrs_k', 'Array(String)'],
  ['attrs_v', 'Array(String)'],
  ['attrs_t', 'Array(UInt8)'],
  ['res_k', 'Array(String)'],
  ['res_v', 'Array(String)'],
  ['res_t', 'Array(UInt8)'],
  ['scope_k', 'Array(String)'],
  ['scope_v', 'Array(String)'],
  ['scope_t', 'Array(UInt8)'],
  ['ev_ns', 'Array(Int64)'],
  ['ev_name', 'Array(String)'],
  ['ev_dropped', 'Array(UInt32)'],
  ['ev_attr_n', 'Array(UInt32)'],
  ['ev_k', 'Array(String)'],
  ['ev_v', 'Array(String)'],
  ['ev_t', 'Array(UInt8)'],
  ['rollup_other', 'UInt8'],
];
const INSERTED = COLUMNS.map(([name]) => name).join(', ');
const SELECTED = COLUMNS.map(([name, , value]) => (value === undefined ? name : `${value} AS ${name}`)).join(', ');
const STRUCTURE = COLUMNS.map(([name, type]) => `${name} ${type}`).join(', ');

/** A line of the file. */
function lineOf(span: StoredSpan, arrival: number): string {
  const { startNs, event } = span;
  const attributesOfEvent = Object.keys(event).length;
  // One event, or none where it has no attributes.
  const ofEvent = <T>(value: T): T[] => (attributesOfEvent === 0 ? [] : [value]);
  const values: unknown[] = [
    arrival,
    span.traceId,
    span.spanId,
    span.parentSpanId,
    span.service,
    span.name,
    span.kind,
    span.statusCode,
    span.traceState,
    String(startNs / 1_000_000_000n),
    String(startNs),
    String(span.durationNs),
    ...attributeArrays(span.attributes),
    ...attributeArrays(span.resource),
    ...attributeArrays(span.scope),
    ofEvent(String(startNs)),
    ofEvent('e'),
    ofEvent(0),
    ofEvent(attributesOfEvent),
    ...attributeArrays(event),
    span.rollupOther,
  ];
  return JSON.stringify(values);
}

function attributeArrays(attributes: StoredAttributes): [keys: string[], values: string[], types: number[]] {
  const values = Object.values(attributes);
  return [
    Object.keys(attributes),
    values.map((value) => (typeof value === 'string' ? value : JSON.stringify({ values: value }))),
    values.map((value) => (typeof value === 'string' ? AttributeType.string : AttributeType.array)),
  ];
}
