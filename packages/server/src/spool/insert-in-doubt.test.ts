import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually, silentLog as log, startEngine, type StartedEngine } from '../storage/testing/start-engine.ts';
import { Ingest } from '../ingest/ingest.ts';
import { Loader } from './loader.ts';
import { listSpool } from './spool-contents.ts';
import { Spool } from './spool.ts';
import { aSpan, appendSpan, type TestSpan } from '../columns/testing/append-span.ts';
import { FailingRename, type RenameOrder } from './testing/failing-rename.ts';

const DAY_NS = 86_400_000_000_000n;
const NOW_NS = 1_795_000_000_000_000_000n;
/** The engine gets the path within its statements. */
const SPOOL = "it's a [spool] \\ of ü";
const NOW_MS = Number(NOW_NS / 1_000_000n);

let directory: string;
let rename: FailingRename;

describe.skipIf(!FailingRename.isPossible())('with an engine that fails to order', () => {
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'throughline-doubt-'));
    rename = new FailingRename(directory);
  });
  afterEach(() => {
    rename.off();
    rmSync(directory, { recursive: true, force: true });
  });

  describe('a segment whose insert did not end well', () => {
    const orders: readonly RenameOrder[] = ['enospc', 'kill-before', 'kill-after'];
    test.each(orders)('is stored once, with all of its days, when %s hits the rename of a part', async (order) => {
      await using store = await startedEngine();
      for (const [round, failing] of [0, 1, 2].entries()) {
        const spans = spansOf([2, 0, 1], 1 + round * 300);
        const path = await new Path().open();
        await path.acknowledge(spans);
        await path.close();
        rename.order(order, await partOf(store, failing));
        expect(await path.load(store)).toBe(true);
        expect(rename.isCarriedOut).toBe(true);
      }
      expect(await storedIds(store)).toEqual(idsOf(spansOf([0, 1, 2, 3, 4, 5, 6, 7, 8])));
    });

    test('is not taken for stored because an earlier request had some of its spans, and these are not doubled', async () => {
      await using store = await startedEngine();
      const sentTwice = spansOf([0]);
      const earlier = await new Path().open();
      await earlier.acknowledge(sentTwice);
      await earlier.close();
      expect(await earlier.load(store)).toBe(true);

      const others = spansOf([0, 1], 1_001);
      const path = await new Path().open();
      await path.acknowledge([...sentTwice, ...others]);
      await path.close();
      rename.order('enospc', await partOf(store, 0));
      expect(await path.load(store)).toBe(true);
      expect(await storedIds(store)).toEqual(idsOf(sentTwice, others));
    });

    test('keeps spans that share an id and differ', async () => {
      await using store = await startedEngine();
      const server = aSpan({ name: 'server' });
      const client = aSpan({ name: 'client' });
      const earlier = await new Path().open();
      await earlier.acknowledge([server]);
      await earlier.close();
      expect(await earlier.load(store)).toBe(true);
      const path = await new Path().open();
      await path.acknowledge([client]);
      await path.close();
      rename.order('kill-before', await partOf(store, 0));
      expect(await path.load(store)).toBe(true);
      expect(await store.rows('SELECT name FROM throughline.spans ORDER BY name')).toEqual([['client'], ['server']]);
    });
  });

  describe('a segment that a collector left behind', () => {
    test('is stored once where it died before the insert', async () => {
      await using store = await startedEngine();
      const spans = spansOf([0, 1]);
      await (await new Path().open()).acknowledge(spans);
      const next = await new Path().open();
      await next.close();
      expect(await next.load(store)).toBe(true);
      expect(await storedIds(store)).toEqual(idsOf(spans));
      expect(await next.missingSpans()).toBe(0);
    });

    test('is stored once where both died between one day and the next', async () => {
      await using store = await startedEngine();
      const spans = spansOf([0, 1]);
      await (await new Path().open()).acknowledge(spans);
      rename.order('kill-before', await partOf(store, 0));
      const { path, name } = await segmentOf();
      await expect(store.engine.insertNativeFile('spans', path, name)).rejects.toMatchObject({ code: 'unavailable' });
      await eventually(() => store.engine.state.kind === 'ready');
      const next = await new Path().open();
      await next.close();
      expect(await next.load(store)).toBe(true);
      expect(await storedIds(store)).toEqual(idsOf(spans));
    });

    test('is stored once, even when the store has forgotten its token', async () => {
      await using store = await startedEngine();
      const spans = spansOf([0, 1]);
      const killed = await new Path().open();
      await killed.acknowledge(spans);
      const { path, name } = await segmentOf();
      await store.engine.insertNativeFile('spans', path, name);
      await store.engine.command(
        'ALTER TABLE throughline.spans MODIFY SETTING non_replicated_deduplication_window = 0',
      );
      const next = await new Path().open();
      await next.close();
      expect(await next.load(store)).toBe(true);
      expect(await storedIds(store)).toEqual(idsOf(spans));
    });
  });
});

/** A collector's way from the decoder to the store, over the spool of this test. */
class Path {
  readonly registry = new Registry();
  readonly #spool = new Spool({
    directory: join(directory, SPOOL),
    log,
    registry: this.registry,
    limits: { segmentAgeMs: 60_000, retryLookMs: 10 },
  });
  readonly #ingest = new Ingest({ spool: this.#spool, registry: this.registry, now: () => NOW_MS });

  async open(): Promise<this> {
    await this.#spool.open();
    return this;
  }

  async acknowledge(spans: readonly TestSpan[]): Promise<void> {
    const result = await this.#ingest.decode((block, refusals) => {
      for (const span of spans) appendSpan(block, refusals, span);
    });
    if (result.kind !== 'stored') throw new Error(`answered ${result.kind}`);
  }

  /** Seals what was acknowledged. */
  async close(): Promise<void> {
    await this.#spool.close();
  }

  /** Whether everything was loaded. */
  async load(store: StartedEngine): Promise<boolean> {
    const loader = new Loader({ spool: this.#spool, engine: store.engine, log, registry: this.registry });
    loader.start();
    return (await loader.drain(30_000)) && this.#spool.status.backlogSegments === 0;
  }

  async missingSpans(): Promise<number> {
    const text = await this.registry.getSingleMetricAsString('throughline_loader_missing_spans_total');
    return Number(/ (\d+)$/.exec(text)?.[1]);
  }
}

/** Spans of several days, a hundred each, with ids of their own. */
function spansOf(days: readonly number[], first = 1): TestSpan[] {
  return days.flatMap((day, at) =>
    Array.from({ length: 100 }, (_, index) =>
      aSpan({
        spanId: (first + at * 100 + index).toString(16).padStart(16, '0'),
        startNs: NOW_NS - BigInt(day) * DAY_NS + BigInt(index) * 1_000_000n,
      }),
    ),
  );
}

/** Every span's id in the store, as often as it is there. */
async function storedIds(store: StartedEngine): Promise<unknown[]> {
  const rows = await store.rows('SELECT lower(hex(span_id)) FROM throughline.spans ORDER BY 1');
  return rows.map(([id]) => id);
}

function idsOf(...spans: readonly (readonly TestSpan[])[]): string[] {
  return spans
    .flat()
    .map(({ spanId }) => spanId)
    .toSorted();
}

/** Where the parts of spans are, as it is in the path of their files. */
async function partOf(store: StartedEngine, day: number): Promise<string> {
  const [[uuid] = []] = await store.rows(
    "SELECT toString(uuid) FROM system.tables WHERE database = 'throughline' AND name = 'spans'",
  );
  const date = new Date(NOW_MS - day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
  return `${String(uuid)}/tmp_insert_${date}_`;
}

function startedEngine(): Promise<StartedEngine> {
  return startEngine({ restartDelayMs: 10 });
}

/** The one segment with something in it. */
async function segmentOf(): Promise<{ path: string; name: string }> {
  const [segment] = await listSpool(join(directory, SPOOL));
  const name = segment?.name ?? '';
  return { path: join(directory, SPOOL, `${name}.native`), name };
}
