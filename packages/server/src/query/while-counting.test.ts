import { Registry } from 'prom-client';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { Jobs } from '../jobs/jobs.ts';
import { ROLLUPS } from '../storage/rollups/rollup-rebuild.ts';
import { RollupJob } from '../storage/rollups/rollup-job.ts';
import { SpanVisibility } from '../storage/span-visibility.ts';
import type { QueryContext } from './rows.ts';
import { findSeries } from './find-series.ts';
import { findOperations, findServices } from './services.ts';
import { randomSpans } from './testing/plain-search.ts';
import { openTestStore, TEST_START_NS, type StoredSpan } from './testing/test-store.ts';

const HOUR = 3_600;
const FIRST_HOUR = Math.floor(Number(TEST_START_NS / 1_000_000_000n) / HOUR) * HOUR;
const ALWAYS = { fromUnixNano: null, toUnixNano: null };

/** Each with the tables that it reads, and how many spans of service `a` it finds. */
const QUERIES: readonly {
  readonly name: string;
  readonly tables: readonly string[];
  readonly ask: (context: QueryContext) => Promise<number>;
  readonly expected: (span: StoredSpan) => boolean;
}[] = [
  {
    name: 'services',
    tables: ['operation_15m'],
    ask: async (context) => (await findServices(context, ALWAYS)).find(({ name }) => name === 'a')?.spanCount ?? 0,
    expected: () => true,
  },
  {
    name: 'operations',
    tables: ['operation_15m'],
    ask: async (context) => sum((await findOperations(context, 'a', ALWAYS)).map(({ spanCount }) => spanCount)),
    expected: () => true,
  },
  ...[60, HOUR].map((stepSeconds) => ({
    name: `series of ${stepSeconds} s`,
    tables: ['request_1m', 'request_1h'],
    ask: async (context: QueryContext) => {
      const range = { fromSecond: FIRST_HOUR, toSecond: FIRST_HOUR + 2 * HOUR, stepSeconds };
      const query = { service: 'a', operation: null, groupBy: 'service', seriesMax: 10, ...range } as const;
      const { series } = await findSeries(context, query, () => 0);
      return sum(series.flatMap(({ requestCount }) => requestCount));
    },
    expected: ({ parentSpanId }: StoredSpan) => /^0+$/.test(parentSpanId),
  })),
];

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

const tableFilledBy = (sql: string): string | undefined =>
  ROLLUPS.find(({ table }) => sql.startsWith(`INSERT INTO throughline.${table} `))?.table;

it('while a batch is added, and behind one that failed, only queries to the table that is filled wait, and each counts every span once', async () => {
  await using store = await openTestStore();
  const { engine } = store.context;
  const visibility = new SpanVisibility();
  const batches = [0, 1, 2].map((batch) => randomSpans(600).filter((_, index) => index % 3 === batch));
  let stored: readonly StoredSpan[] = [];
  const wrong: string[] = [];
  const waiting: Promise<void>[] = [];
  /** Those to the table that is being filled may wait for its end. */
  const askAll = async (when: string, filled: string | null = null): Promise<void> => {
    for (const { name, tables, ask, expected } of QUERIES) {
      const count = stored.filter((span) => span.service === 'a' && expected(span)).length;
      const compare = async (): Promise<void> => {
        const found = await ask({ ...store.context, visibility, signal: new AbortController().signal });
        if (found !== count) wrong.push(`${name} ${when}: ${found} instead of ${count}`);
      };
      if (filled !== null && tables.includes(filled)) waiting.push(compare());
      else await compare();
    }
  };
  let failing: string | null = null;
  const looked = new Set<string>();
  let arrival = 0;
  const job = new RollupJob({
    engine: {
      tables: engine.tables,
      query: (...asked) => engine.query(...asked),
      command: async (sql) => {
        const table = tableFilledBy(sql);
        if (table === undefined) return engine.command(sql);
        if (failing === table) throw new Error('not now');
        // What makes hours anew changes all tables.
        if (failing !== null || sql.includes('max_threads = 1')) return engine.command(sql);
        looked.add(table);
        await askAll(`before ${table} is filled`, table);
        await engine.command(sql);
        await askAll(`when ${table} is filled`, table);
      },
    },
    visibility,
    log: pino({ level: 'silent' }),
    jobs: new Jobs({ log: pino({ level: 'silent' }), registry: new Registry() }),
    registry: new Registry(),
    firstUnstored: () => null,
    lastArrival: () => arrival,
  });
  const failures: unknown[] = [];
  for (const [index, spans] of batches.entries()) {
    arrival = index + 1;
    await store.put(spans, arrival);
    visibility.stored({
      arrivals: { first: arrival, last: arrival },
      seconds: { first: FIRST_HOUR, last: FIRST_HOUR + 2 * HOUR },
      rows: spans.length,
    });
    stored = [...stored, ...spans];
    await askAll('before it is counted');
    failing = index === 1 ? 'weight_15m' : null;
    await job.run(true).catch((error: unknown) => failures.push(error));
    await askAll('behind a failure');
    failing = null;
    await job.run(true);
    await Promise.all(waiting);
    await askAll('when it is counted');
  }
  expect(wrong).toEqual([]);
  expect(failures).toEqual([new Error('not now')]);
  expect(looked).toEqual(new Set(ROLLUPS.map(({ table }) => table)));
  expect(waiting.length).toBeGreaterThan(0);
});
