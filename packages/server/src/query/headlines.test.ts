import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlHex } from '../storage/sql.ts';
import { Headlines } from './headlines.ts';
import { QUERY_LIMITS } from './limits.ts';
import { EngineError, type QueryContext } from './rows.ts';
import type { TestStore } from './testing/test-store.ts';
import { aStoredSpan, openTestStore } from './testing/test-store.ts';
import { TraceReader } from './trace-reader.ts';

const traces = new TraceReader({ registry: new Registry(), limits: QUERY_LIMITS });
const ids = Array.from({ length: 5 }, (_, i) => `${i + 1}`.repeat(32));

describe('Headlines', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore();
    await store.store(ids.map((traceId) => aStoredSpan({ traceId, name: `GET /${traceId[0]}`, statusCode: 2 })));
  });
  afterAll(() => store.close());

  it('computes the headlines of stored traces and leaves out the others', async () => {
    const headlines = new Headlines({ headlinesMax: 10, headlineConcurrency: 2 }, traces);
    const [first = ''] = ids;
    const computed = await headlines.compute(store.context, [first, 'f'.repeat(32)]);
    expect(Object.keys(computed)).toEqual([first]);
    expect(computed[first]).toBe('GET /1 failed');
    expect(headlines.get(first, 1)).toBe(computed[first]);
  });

  it('has none for a trace that has grown since, until it is computed again', async () => {
    const headlines = new Headlines({ headlinesMax: 10, headlineConcurrency: 2 }, traces);
    const traceId = 'a'.repeat(32);
    await store.store([aStoredSpan({ traceId })]);
    await headlines.compute(store.context, [traceId]);
    // There is nothing to tell of it, which is known.
    expect(headlines.get(traceId, 1)).toBe('');
    expect(headlines.get(traceId, 2)).toBeNull();
    await store.store([aStoredSpan({ traceId, spanId: '3'.repeat(16), name: 'late' })]);
    await headlines.compute(store.context, [traceId]);
    expect(headlines.get(traceId, 2)).not.toBeNull();
  });

  it('leaves out a trace that cannot be read, and rejects where none can', async () => {
    const headlines = new Headlines({ headlinesMax: 10, headlineConcurrency: 2 }, traces);
    const [broken = '', whole = ''] = ids;
    const context = refusing(store.context, broken);
    expect(Object.keys(await headlines.compute(context, [broken, whole]))).toEqual([whole]);
    await expect(headlines.compute(context, [broken])).rejects.toThrow('refused');
  });

  it('forgets the headline that was not asked for the longest', async () => {
    const headlines = new Headlines({ headlinesMax: 3, headlineConcurrency: 1 }, traces);
    await headlines.compute(store.context, ids.slice(0, 3));
    const [oldest, second] = ids.slice(0, 3).filter((traceId) => headlines.get(traceId, 1) !== null);
    headlines.get(oldest ?? '', 1);
    await headlines.compute(store.context, ids.slice(3, 4));
    expect(headlines.size).toBe(3);
    expect(headlines.get(oldest ?? '', 1)).not.toBeNull();
    expect(headlines.get(second ?? '', 1)).toBeNull();
  });

  it('reads no more traces at a time than it may, over all requests', async () => {
    const headlines = new Headlines({ headlinesMax: 10, headlineConcurrency: 2 }, traces);
    let running = 0;
    let most = 0;
    const counting: QueryContext = {
      ...store.context,
      engine: {
        tables: store.context.engine.tables,
        state: { kind: 'ready' },
        fresh: null,
        hasAttributeFilter: true,
        start: () => store.context.engine.start(),
        close: () => store.context.engine.close(),
        command: (sql) => store.context.engine.command(sql),
        insertNativeFile: (...file) => store.context.engine.insertNativeFile(...file),
        query: async (sql, options) => {
          const reading = options.format === 'Native';
          if (reading) most = Math.max(most, ++running);
          const bytes = await store.context.engine.query(sql, options);
          if (reading) running--;
          return bytes;
        },
      },
    };
    const both = await Promise.all([headlines.compute(counting, ids), headlines.compute(counting, ids)]);
    expect(both[0]).toEqual(both[1]);
    expect(Object.keys(both[0])).toHaveLength(5);
    expect(most).toBe(2);
  });
});

/** The store, but whoever reads the spans of this trace is refused; that they are there is still told. */
function refusing(context: QueryContext, traceId: string): QueryContext {
  const { engine } = context;
  return {
    ...context,
    engine: {
      tables: engine.tables,
      state: { kind: 'ready' },
      fresh: null,
      hasAttributeFilter: true,
      start: () => engine.start(),
      close: () => engine.close(),
      command: (sql) => engine.command(sql),
      insertNativeFile: (...file) => engine.insertNativeFile(...file),
      query: async (sql, options) => {
        if (sql.includes(sqlHex(traceId)) && !/count\(\)|uniqExact/.test(sql))
          throw new EngineError('rejected', 'refused');
        return engine.query(sql, options);
      },
    },
  };
}
