import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL_RARE, emptyColumns } from '../storage/rollups/rare-columns.ts';
import { SPAN_FIELDS } from '../storage/schema.ts';
import { ALL_COUNTED, type SpanView } from '../storage/span-visibility.ts';
import type { QueryContext } from './rows.ts';
import { idOf } from './testing/plain-search.ts';
import { openTestStore, TEST_START_NS, type TestStore } from './testing/test-store.ts';
import { findTrace } from './trace.ts';

const EVENT: Values = {
  ev_ns: `[${TEST_START_NS}]`,
  ev_name: "['exception']",
  ev_dropped: '[0]',
  ev_attr_n: '[1]',
  ev_k: "['k']",
  ev_v: "['v']",
  ev_t: '[1]',
};
const LINK: Values = {
  link_trace_id: `[unhex('${idOf(7)}')]`,
  link_span_id: `[unhex('${idOf(8, 16)}')]`,
  link_trace_state: "['']",
  link_flags: '[0]',
  link_dropped: '[0]',
  link_attr_n: '[0]',
};

type Values = Readonly<Record<string, string>>;

/** What is not a default, by the column that a span has it in; events and links by one of theirs. */
const ALONE: readonly (readonly [string, Values])[] = [
  ['ev_ns', EVENT],
  ['link_trace_id', LINK],
  ['status_message', { status_message: "'out of stock'" }],
  ['trace_state', { trace_state: "'a=1'" }],
  ['dropped_attributes', { dropped_attributes: '1' }],
  ['dropped_events', { dropped_events: '4294967295' }],
  ['dropped_links', { dropped_links: '256' }],
  ['res_schema_url', { res_schema_url: "'https://resource'" }],
  ['scope_schema_url', { scope_schema_url: "'https://scope'" }],
  ['scope_k', { scope_k: "['k']", scope_v: "['v']", scope_t: '[1]' }],
  ['scope_dropped', { scope_dropped: '1' }],
  ['res_dropped', { res_dropped: '65536' }],
  ['res_entity_refs', { res_entity_refs: '\'[{"type":"service","idKeys":["service.name"]}]\'' }],
];

async function put(
  { context }: TestStore,
  traceId: string,
  spanId: number,
  arrival: number,
  values: Values,
): Promise<void> {
  const fixed = {
    arrival: String(arrival),
    trace_id: `unhex('${traceId}')`,
    span_id: `unhex('${idOf(spanId, 16)}')`,
    service: "'shop'",
    name: "'GET /'",
    start_s: 'toDateTime(1700000000)',
    start_ns: String(TEST_START_NS + BigInt(spanId)),
  };
  const all = Object.entries({ ...fixed, ...values });
  await context.engine.command(
    `INSERT INTO throughline.spans (${all.map(([name]) => name).join(', ')}) SELECT ${all.map(([, value]) => value).join(', ')}`,
  );
}

/** The statements that a query asks, and its answer. */
async function watched<T>(context: QueryContext, ask: (context: QueryContext) => Promise<T>) {
  const statements: string[] = [];
  const engine = new Proxy(context.engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (sql: unknown, ...more: unknown[]): unknown => {
        if (name === 'query') statements.push(String(sql));
        return Reflect.apply(value, target, [sql, ...more]);
      };
    },
  });
  return { answer: await ask({ ...context, engine }), statements };
}

/** As if nothing were known of what the trace has. */
async function readWhole(context: QueryContext, traceId: string) {
  const uncounted = { countedUntil: 0, seconds: { first: 1_700_000_000, last: 1_700_000_000 }, hasLate: true };
  return findTrace(seeing(context, uncounted), traceId);
}

function seeing(context: QueryContext, uncounted: SpanView['uncounted']): QueryContext {
  const view: SpanView = { fresh: [], uncounted, isCurrent: () => true, release: () => {} };
  return { ...context, visibility: { ...ALL_COUNTED, view: () => view } };
}

describe('a trace by its id', () => {
  let store: TestStore;
  beforeAll(async () => void (store = await openTestStore()));
  afterAll(() => store.close());

  it.each(ALONE)('has what its only rare column is, read with no others: %s', async (column, values) => {
    const traceId = idOf(1_000 + ALONE.findIndex(([name]) => name === column));
    const arrival = Date.now() * 1_000;
    await put(store, traceId, 1, arrival, values);
    await put(store, traceId, 2, arrival, {});
    await store.count();
    const { answer, statements } = await watched(store.context, (context) => findTrace(context, traceId));
    expect(answer).toEqual(await readWhole(store.context, traceId));
    expect(answer?.spanCount).toBe(2);
    const read = statements.at(-1) ?? '';
    const isRead = (name: string): boolean => new RegExp(String.raw`\b${name}\b`).test(read);
    expect(isRead(column)).toBe(true);
    const groups = ['ev_ns', 'link_trace_id', 'status_message', 'res_schema_url', 'scope_k'];
    expect(groups.filter(isRead)).toHaveLength(1);
  });

  it('has every rare column among those that are tried here, or beside one of them', () => {
    const rare = emptyColumns(0);
    const tried = new Set(ALONE.flatMap(([, values]) => Object.keys(values)));
    const beside = new Set(['link_k', 'link_v', 'link_t']);
    expect([...rare].filter((name) => !tried.has(name) && !beside.has(name))).toEqual([]);
    const always = SPAN_FIELDS.map(([name]) => name).filter((name) => !rare.has(name));
    expect(always).toEqual(
      'span_id trace_id parent_span_id service name kind status_code start_s start_ns duration_ns flags attrs_k attrs_v attrs_t res_k res_v res_t scope_name scope_version rollup_other'
        .split(' ')
        .toSorted((a, b) => order(a) - order(b)),
    );
    expect(emptyColumns(ALL_RARE)).toEqual(new Set());
  });

  it('has what came later and is not counted, or came late', async () => {
    const traceId = idOf(2_000);
    const arrival = Date.now() * 1_000;
    await put(store, traceId, 1, arrival, {});
    await store.count();
    await put(store, traceId, 2, 2 * arrival, EVENT);
    await put(store, traceId, 1, 2 * arrival, {});
    const seconds = { first: 1_700_000_000, last: 1_700_000_000 };
    for (const uncounted of [
      { countedUntil: arrival, seconds, hasLate: false },
      { countedUntil: 3 * arrival, seconds, hasLate: true },
    ]) {
      const found = await findTrace(seeing(store.context, uncounted), traceId);
      expect(found).toMatchObject({ spanCount: 2, repeatedSpanCount: 1, storedSpanCount: 3 });
      const spans = found?.data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
      expect(spans?.map(({ events }) => events?.length ?? 0)).toEqual([0, 1]);
    }
  });

  it('is read with all columns where it was counted by a version that did not note them', async () => {
    const traceId = idOf(3_000);
    await put(store, traceId, 1, Date.now() * 1_000, EVENT);
    await store.context.engine.command(
      `INSERT INTO throughline.trace_times (tenant, trace_id, first_s, length_s) SELECT '', unhex('${traceId}'), toDateTime(1700000000), 0`,
    );
    expect((await findTrace(store.context, traceId))?.data).toEqual((await readWhole(store.context, traceId))?.data);
  });
});

function order(name: string): number {
  return SPAN_FIELDS.findIndex(([field]) => field === name);
}
