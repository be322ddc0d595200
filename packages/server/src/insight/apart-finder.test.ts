import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storedSource } from '../query/span-sources.ts';
import { idOf } from '../query/testing/plain-search.ts';
import {
  aStoredSpan,
  openTestStore,
  TEST_START_NS,
  type StoredSpan,
  type TestStore,
} from '../query/testing/test-store.ts';
import { ApartFinder, type ApartQuery } from './apart-finder.ts';
import { rootsSql, selectionCountSql, selectionSql, type Selection } from './apart-sql.ts';
import { INSIGHT_LIMITS } from './insight-limits.ts';
import { InsightThread } from './insight-thread.ts';

const workerPath = new URL('../../dist/insight/insight-worker.js', import.meta.url);
const HOUR_NS = 3_600_000_000_000n;
const MS_NS = 1_000_000n;
const WINDOW = { fromUnixNano: TEST_START_NS, toUnixNano: TEST_START_NS + HOUR_NS };
const TRACES = 600;

const NOTHING: Selection = {
  service: null,
  operation: null,
  status: null,
  tags: [],
  minDurationNs: null,
  maxDurationNs: null,
};

/** web asks the bank. Of the tenant acme most fail; the host with the disk is slow. */
function aTrace(at: number): StoredSpan[] {
  const startNs = WINDOW.fromUnixNano + (HOUR_NS * BigInt(at)) / BigInt(TRACES);
  const isAcme = at % 10 === 0;
  const isSlow = at % 7 === 0;
  const failed = isAcme && at % 100 !== 0;
  const base = { traceId: idOf(at * 7919 + 1), startNs, kind: 2, statusCode: failed ? 2 : 0 };
  return [
    aStoredSpan({
      ...base,
      spanId: idOf(1, 16),
      service: 'web',
      name: 'POST /buy',
      attributes: { tenant: isAcme ? 'acme' : `tenant-${at % 4}`, 'request.id': idOf(at, 16), long: 'x'.repeat(300) },
      durationNs: 500n * MS_NS,
    }),
    aStoredSpan({
      ...base,
      spanId: idOf(2, 16),
      parentSpanId: idOf(1, 16),
      service: 'bank',
      name: 'POST /charge',
      durationNs: (isSlow ? 400n : 10n) * MS_NS,
      attributes: { 'db.name': isSlow ? 'archive' : 'live' },
      resource: { 'host.name': isSlow ? 'bank-2' : `bank-${Math.floor(at / 10) % 2}` },
    }),
  ];
}

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.store(Array.from({ length: TRACES }, (_, at) => aTrace(at)).flat());
});
afterAll(() => store.close());

async function find(
  selection: Partial<Selection>,
  more: Partial<ApartQuery> = {},
  limits: Partial<typeof INSIGHT_LIMITS> = {},
) {
  const registry = new Registry();
  const all = { registry, limits: { ...INSIGHT_LIMITS, ...limits } };
  const thread = new InsightThread({ ...all, workerPath });
  try {
    const query = { window: WINDOW, selection: { ...NOTHING, ...selection }, others: null, limit: 10, ...more };
    const found = await new ApartFinder({ ...all, thread }).find(store.context, query);
    const named = found.attributes.map(({ key, value }) => `${key}=${value}`);
    return { ...found, named, metrics: await registry.metrics() };
  } finally {
    await thread.close();
  }
}

describe('a selection of stored spans', () => {
  test('is set apart by what its spans have, and what the roots of their traces have', async () => {
    const failed = await find({ service: 'bank', status: 'error' });
    expect(failed.named).toEqual(['tenant=acme']);
    expect(failed).toMatchObject({
      selectedSpanCount: 54,
      otherSpanCount: 546,
      selectedCount: 54,
      otherCount: 546,
      attributes: [{ share: 1, otherShare: 6 / 546, selectedShare: 54 / 60 }],
    });
    expect(failed.text).toContain('tenant = acme');
    const slow = await find({ service: 'bank', operation: 'POST /charge', minDurationNs: 100n * MS_NS });
    expect(slow.named.toSorted()).toEqual(['db.name=archive', 'host.name=bank-2']);
    expect(slow.metrics).toContain('throughline_insight_questions_total{question="apart",outcome="answered"} 1');
  });

  test('is one of whole requests where no service is named', async () => {
    const { named, selectedSpanCount, otherSpanCount } = await find({ status: 'error' });
    expect([named, selectedSpanCount, otherSpanCount]).toEqual([['tenant=acme'], 54, 546]);
  });

  test('is held against another one, or against the rest, by attributes as well', async () => {
    const tags = [{ key: 'db.name', value: 'archive' }];
    const rest = await find({ service: 'bank', tags });
    expect(rest.named).toContain('host.name=bank-2');
    const other = {
      ...NOTHING,
      service: 'bank',
      maxDurationNs: 100n * MS_NS,
      tags: [{ key: 'host.name', value: 'bank-1' }],
    };
    const held = await find({ service: 'bank', tags }, { others: other });
    expect(held.selectedSpanCount).toBe(rest.selectedSpanCount);
    expect(held.otherSpanCount).toBeLessThan(rest.otherSpanCount);
    expect(held.named).toContain('host.name=bank-2');
  });

  test('is a sample if it is large: the same traces of both, and the shares hold', async () => {
    const { selectedCount, otherCount, attributes, metrics, otherSpanCount } = await find(
      { service: 'bank', status: 'error' },
      {},
      { apartRequestsMax: 40 },
    );
    expect(otherSpanCount).toBe(546);
    expect(selectedCount).toBeGreaterThan(20);
    expect(selectedCount).toBeLessThanOrEqual(54);
    expect(otherCount).toBeGreaterThan(15);
    expect(otherCount).toBeLessThan(80);
    expect(attributes[0]).toMatchObject({ key: 'tenant', value: 'acme', share: 1 });
    expect(attributes[0]?.selectedShare).toBeGreaterThan(0.4);
    expect(metrics).toContain('throughline_insight_sampled_selections_total 1');
  });

  test('that is empty, or has nothing beside it, is set apart by nothing', async () => {
    const none = await find({ service: "it's\0", status: 'error' });
    expect([none.attributes, none.selectedSpanCount]).toEqual([[], 0]);
    expect(none.text).toContain('Too little');
    const all = await find({ service: 'bank', minDurationNs: 0n });
    expect([all.attributes, all.otherSpanCount]).toEqual([[], 0]);
  });

  test('that nobody waits for any more is given up', async () => {
    const registry = new Registry();
    const all = { registry, limits: INSIGHT_LIMITS };
    const thread = new InsightThread({ ...all, workerPath });
    const leaving = new AbortController();
    const asked = new ApartFinder({ ...all, thread }).find(
      { ...store.context, signal: leaving.signal },
      { window: WINDOW, selection: { ...NOTHING, status: 'error' }, others: null, limit: 1 },
    );
    leaving.abort(new Error('left'));
    await expect(asked).rejects.toThrow('left');
    await thread.close();
  });

  test('is asked for by readable SQL', async () => {
    const source = storedSource(store.context.engine.tables);
    const tags = [{ key: 'db.name', value: "it's" }];
    const selection = { ...NOTHING, service: 'bank', status: 'error' as const, minDurationNs: 1n, tags };
    const asked = { window: WINDOW, selection, others: null, hasHashes: true };
    const shares = { selected: 1, others: 0.25 };
    await expect(selectionCountSql(source, asked)).toMatchFileSnapshot('snapshots/selection-count.sql');
    await expect(selectionSql(source, asked, shares, 2_000)).toMatchFileSnapshot('snapshots/selection.sql');
    await expect(
      rootsSql(source, [source], asked, shares, { leadNs: 60_000n * MS_NS, requestsMax: 2_000 }),
    ).toMatchFileSnapshot('snapshots/selection-roots.sql');
  });
});
