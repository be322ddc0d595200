import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { QUERY_LIMITS } from './limits.ts';
import { aStoredSpan, openTestStore, TEST_START_NS, type TestStore } from './testing/test-store.ts';
import { TraceReader, type TraceReaderOptions } from './trace-reader.ts';
import { TraceThread } from './trace-thread.ts';
import { findTraceRows, type TraceRows } from './trace.ts';
import { resultOf } from './trace-query.ts';

const workerPath = new URL('../../dist/query/trace-worker.js', import.meta.url);
const TRACE_ID = 'a'.repeat(32);

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.store(
    Array.from({ length: 200 }, (_, i) =>
      aStoredSpan({
        traceId: TRACE_ID,
        spanId: String(i + 1).padStart(16, '0'),
        ...(i > 0 && { parentSpanId: String(i >> 1 || 1).padStart(16, '0') }),
        name: `step ${i}`,
        service: `service-${i % 3}`,
        startNs: TEST_START_NS + BigInt(i) * 1_000_000n,
        durationNs: 900_000_000n,
        traceState: i === 0 ? 'ot=th:8' : '',
        statusCode: i === 150 ? 2 : 0,
        attributes: { 'url.path': `/käse/${i}` },
      }),
    ),
  );
});
afterAll(() => store.close());

async function rows(): Promise<TraceRows> {
  const found = await findTraceRows(store.context, TRACE_ID);
  if (found === null) throw new Error('the trace is not stored');
  return found;
}

const parsed = (parts: readonly Uint8Array[] | undefined): unknown =>
  JSON.parse(Buffer.concat(parts ?? []).toString('utf8'));

describe('a trace that is', () => {
  let registry: Registry;
  let reader: TraceReader;
  /** As if every trace were large. */
  const start = (limits: Partial<TraceReaderOptions['limits']> = { traceInlineBytesMax: 0 }): TraceReader => {
    registry = new Registry();
    reader = new TraceReader({ registry, limits: { ...QUERY_LIMITS, ...limits }, workerPath });
    return reader;
  };
  beforeEach(() => void start());
  afterEach(() => reader.close());

  const count = async (outcome: string): Promise<number> => {
    const metric = await registry.getSingleMetric('throughline_large_trace_queries_total')?.get();
    return metric?.values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? Number.NaN;
  };

  it('large is answered by a thread, and the same as in the event loop', async () => {
    const inline = await rows();
    for (const query of ['story', 'sampling'] as const) {
      expect(await reader.ask(store.context, TRACE_ID, query)).toEqual(resultOf(query, inline));
    }
    const otlp = await reader.ask(store.context, TRACE_ID, 'otlp');
    expect(parsed(otlp?.answer)).toEqual(parsed(resultOf('otlp', inline).answer));
    expect(otlp).toMatchObject({ storedSpanCount: 200, truncated: false });
    expect(await count('answered')).toBe(3);
  });

  it('large is cut as in the event loop, and says so', async () => {
    const context = {
      ...store.context,
      limits: { ...store.context.limits, traceSpansMax: 100, traceInlineBytesMax: 0 },
    };
    expect(await reader.ask(context, TRACE_ID, 'story')).toMatchObject({
      storedSpanCount: 200,
      truncated: true,
      answer: { spanCount: 100, spansInTrace: 200 },
    });
  });

  it('small needs no thread, and one that is not stored none either', async () => {
    await reader.close();
    start({});
    expect(await reader.ask(store.context, TRACE_ID, 'story')).toMatchObject({ answer: { spanCount: 200 } });
    expect(await reader.ask(store.context, 'f'.repeat(32), 'story')).toBeNull();
    expect(await count('answered')).toBe(0);
  });

  it('asked about by many is worked on once, and again when it has grown', async () => {
    const traceId = 'b'.repeat(32);
    await store.store([aStoredSpan({ traceId })]);
    const stories = await Promise.all(Array.from({ length: 5 }, () => reader.ask(store.context, traceId, 'story')));
    expect(new Set(stories).size).toBe(1);
    expect([await count('answered'), await count('shared')]).toEqual([1, 4]);
    await store.store([aStoredSpan({ traceId, spanId: '3'.repeat(16) })]);
    expect(await reader.ask(store.context, traceId, 'story')).toMatchObject({ answer: { spanCount: 2 } });
    expect([await count('answered'), await count('shared')]).toEqual([2, 4]);
  });

  it('not remembered is worked on again', async () => {
    await reader.close();
    start({ traceInlineBytesMax: 0, largeResultsMax: 0 });
    await reader.ask(store.context, TRACE_ID, 'story');
    await reader.ask(store.context, TRACE_ID, 'story');
    expect([await count('answered'), await count('shared')]).toEqual([2, 0]);
  });

  it('too large for the memory of its thread is an error, and the next one is answered', async () => {
    const thread = new TraceThread({ heapBytesMax: 16 * 1024 * 1024, idleMs: 1_000, workerPath });
    const { signal } = new AbortController();
    const { answers } = await rows();
    // 300,000 rows.
    const many = Array.from({ length: 1_500 }, () => answers.map((answer) => answer.slice())).flat();
    const large = thread.answer('story', { answers: many, rowsMax: 300_000, storedSpanCount: 300_000 }, signal);
    await expect(large).rejects.toMatchObject({ code: 'too_large' });
    expect((await thread.answer('story', await rows(), signal)).answer.spanCount).toBe(200);
    await thread.close();
  });

  it('asked about by somebody who leaves ends its thread, and nobody else waits for it', async () => {
    const thread = new TraceThread({ heapBytesMax: 2 ** 30, idleMs: 1_000, workerPath });
    const leaving = new AbortController();
    const { signal } = new AbortController();
    const [first, second, third, fourth] = [await rows(), await rows(), await rows(), await rows()];
    const left = [thread.answer('story', first, leaving.signal), thread.answer('story', second, leaving.signal)];
    const other = thread.answer('story', third, signal);
    leaving.abort(new Error('left'));
    for (const answer of left) await expect(answer).rejects.toThrow('left');
    expect((await other).answer.spanCount).toBe(200);
    const closed = thread.answer('story', fourth, signal);
    await Promise.all([expect(closed).rejects.toMatchObject({ code: 'unavailable' }), thread.close()]);
  });
});
