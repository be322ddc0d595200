import type { AnyValue } from '@throughline/trace';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { EmbeddedEngine } from '../../storage/embedded.ts';
import { RollupJob } from '../../storage/rollup-job.ts';
import { SpanVisibility } from '../../storage/span-visibility.ts';
import { AttributeType } from '../../storage/schema.ts';
import { sqlHex, sqlInt64, sqlString } from '../../storage/sql.ts';
import { DEFAULT_QUERY_LIMITS } from '../limits.ts';
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
  const directory = await mkdtemp(join(tmpdir(), 'throughline-query-'));
  const registry = new Registry();
  const log = pino({ level: 'silent' });
  const engine = new EmbeddedEngine({
    directory,
    log,
    registry,
    processPath: new URL('../../../dist/storage/embedded-process.js', import.meta.url),
  });
  await engine.start();
  let arrival = 0;
  const rollups = new RollupJob({
    engine,
    visibility: new SpanVisibility(),
    log,
    registry,
    firstUnstored: () => null,
    lastArrival: () => arrival,
  });
  const put = async (spans: readonly StoredSpan[], arrivedAt: number): Promise<void> => {
    for (const rows of statements(spans, arrivedAt)) {
      await engine.command(`INSERT INTO throughline.spans (arrival, ${INSERTED.join(', ')}) ${rows}`);
    }
  };
  const close = async (): Promise<void> => {
    await engine.close();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    context: { engine, limits: DEFAULT_QUERY_LIMITS, signal: new AbortController().signal },
    store: async (spans) => {
      arrival += 1;
      await put(spans, arrival);
      await rollups.run(true);
      return arrival;
    },
    put,
    native: async (spans, arrivedAt) => {
      const chunks: Uint8Array[] = [];
      for (const rows of statements(spans, arrivedAt)) {
        chunks.push(await engine.query(rows, { format: 'Native', timeoutMs: 20_000 }));
      }
      return Buffer.concat(chunks);
    },
    count: async () => {
      // What was inserted without an arrival has the engine's time.
      arrival = Math.max(arrival, Date.now() * 1_000);
      await rollups.run(true);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The engine refuses a statement of more than 256 KiB. */
function statements(spans: readonly StoredSpan[], arrival: number): string[] {
  return Array.from({ length: Math.ceil(spans.length / 200) }, (_, part) =>
    spans
      .slice(part * 200, (part + 1) * 200)
      .map((span) => {
        const values = row(span).map((value, index) => `${value} AS ${INSERTED[index] ?? ''}`);
        return `SELECT toUInt64(${arrival}) AS arrival, ${values.join(', ')}`;
      })
      .join(' UNION ALL '),
  );
}

const INSERTED = [
  'trace_id',
  'span_id',
  'parent_span_id',
  'service',
  'name',
  'kind',
  'status_code',
  'trace_state',
  'start_s',
  'start_ns',
  'duration_ns',
  'attrs_k',
  'attrs_v',
  'attrs_t',
  'res_k',
  'res_v',
  'res_t',
  'scope_k',
  'scope_v',
  'scope_t',
  'ev_ns',
  'ev_name',
  'ev_dropped',
  'ev_attr_n',
  'ev_k',
  'ev_v',
  'ev_t',
  'rollup_other',
];

/** One event, or none where it has no attributes. */
function eventColumns({ startNs, event }: StoredSpan): string[] {
  const count = Object.keys(event).length;
  const columns = [sqlInt64(startNs), "'e'", 'toUInt32(0)', `toUInt32(${count})`];
  const types = ['Int64', 'String', 'UInt32', 'UInt32'];
  return columns.map((value, index) => `CAST([${count === 0 ? '' : value}] AS Array(${types[index]}))`);
}

function row(span: StoredSpan): string[] {
  return [
    sqlHex(span.traceId),
    sqlHex(span.spanId),
    sqlHex(span.parentSpanId),
    sqlString(span.service),
    sqlString(span.name),
    `toUInt8(${span.kind})`,
    `toUInt8(${span.statusCode})`,
    sqlString(span.traceState),
    `toDateTime(${span.startNs / 1_000_000_000n})`,
    sqlInt64(span.startNs),
    sqlInt64(span.durationNs),
    ...attributeArrays(span.attributes),
    ...attributeArrays(span.resource),
    ...attributeArrays(span.scope),
    ...eventColumns(span),
    ...attributeArrays(span.event),
    `toUInt8(${span.rollupOther})`,
  ];
}

function strings(values: readonly string[]): string {
  return `CAST([${values.map(sqlString).join(', ')}] AS Array(String))`;
}

function attributeArrays(attributes: StoredAttributes): string[] {
  const types = Object.values(attributes).map((value) =>
    typeof value === 'string' ? AttributeType.string : AttributeType.array,
  );
  const texts = Object.values(attributes).map((value) =>
    typeof value === 'string' ? value : JSON.stringify({ values: value }),
  );
  return [strings(Object.keys(attributes)), strings(texts), `CAST([${types.join(', ')}] AS Array(UInt8))`];
}
