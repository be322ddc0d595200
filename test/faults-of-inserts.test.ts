import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleOf } from '../packages/server/src/storage/testing/sample-of.ts';
import { canInjectFaults } from './support/fault-injection.ts';
import type { FaultAction } from './support/fault-injection.ts';
import { DETACHED, FaultyCollector } from './support/faulty-collector.ts';
import { NOTHING_WRONG } from './support/span-ledger.ts';

/** Draws the cases of the short form; the long form has all of them. */
const SEED = 20_261_128;

describe.skipIf(!canInjectFaults)('a part of the store that is not renamed to its place', () => {
  const actions: readonly [string, FaultAction][] = [
    ['the disk is full for a moment', 'fail ENOSPC'],
    ['the disk fails for a moment', 'fail EIO'],
    ['the engine is killed before it', 'kill-before self'],
    ['the engine is killed behind it', 'kill-after self'],
    ['the collector and the engine are killed before it', 'kill-before both'],
    ['the collector and the engine are killed behind it', 'kill-after both'],
  ];
  it.each(sampleOf(actions, 2, SEED))('is stored once in the end, because %s', async (_, action) => {
    const faulty = new FaultyCollector();
    await faulty.start();
    await faulty.send();
    await faulty.settle();
    for (const table of ['spans', 'trace_times']) {
      const pattern = faulty.newPartsOf(table);
      expect(await faulty.meet({ process: 'engine', kind: 'rename', pattern, action })).toBe(true);
    }
    await faulty.send();
    await faulty.settle();
    const trace = faulty.faults.trace().join('\n');
    expect(await faulty.end(), trace).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file of an index that is not written with its part', () => {
  const actions: readonly [FaultAction, number][] = [
    ['fail ENOSPC', 1],
    ['fail EIO', 1],
    ['short', 1],
    // The repeat meets it as well, and the repeat of that.
    ['fail ENOSPC', 20],
  ];
  it.each(sampleOf(actions, 1, SEED))(
    'costs no span when the engine is started again: %s × %i',
    async (action, times) => {
      const faulty = new FaultyCollector();
      await faulty.start();
      const pattern = `${faulty.newPartsOf('spans')}/skp_idx_*`;
      faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action }]);
      await faulty.send();
      await expect.poll(() => faulty.faults.applied()).toBe(times);
      await faulty.settle();
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );
});

describe.skipIf(!canInjectFaults)('a file that describes a part, and is not written with it', () => {
  const names = [
    'checksums',
    'columns',
    'columns_substreams',
    'count',
    'default_compression_codec',
    'metadata_version',
  ];
  const cases = names.flatMap((name) => [[`${name}.txt`, 1] as const, [`${name}.txt`, 4] as const]);
  it.each(sampleOf(cases, 2, SEED))('costs no span when the engine is started again: %s × %i', async (file, times) => {
    const faulty = new FaultyCollector();
    await faulty.start();
    const pattern = `${faulty.newPartsOf('spans')}/${file}`;
    faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action: 'fail EIO' }]);
    await faulty.send();
    await expect.poll(() => faulty.faults.applied()).toBeGreaterThan(0);
    await faulty.settle();
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)(
  'a part of which a file that describes it was not written, and the engine was killed before anybody looked',
  () => {
    it.each(sampleOf(['columns.txt', 'columns_substreams.txt', 'count.txt', 'metadata_version.txt'], 1, SEED))(
      'is in use again, and not told of as lost: %s',
      async (file) => {
        const faulty = new FaultyCollector();
        await faulty.start();
        // One that is written in the same way.
        for (let requests = 0; requests < 4; requests++) await faulty.send();
        await faulty.settle();
        const parts = faulty.newPartsOf('spans');
        faulty.faults.plan([
          { process: 'engine', kind: 'write', pattern: `${parts}/${file}`, action: 'fail EIO' },
          { process: 'engine', kind: 'rename', pattern: parts, action: 'kill-after self' },
        ]);
        for (let requests = 0; requests < 4; requests++) await faulty.send();
        await expect.poll(() => faulty.faults.applied(1)).toBe(1);
        faulty.faults.plan([]);
        await faulty.settle();
        expect(readdirSync(join(faulty.dataDirectory, 'store/data/throughline/spans/detached'))).toEqual([]);
        expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
      },
    );
  },
);

describe.skipIf(!canInjectFaults)('a file that is not written when a damaged part is repaired', () => {
  it.each(sampleOf(['columns.txt', 'count.txt', 'skp_idx_*'], 1, SEED))(
    'costs no span when the engine is started again: %s',
    async (file) => {
      const faulty = new FaultyCollector();
      await faulty.start();
      await faulty.send();
      await faulty.settle();
      await faulty.inStore(async (store) => {
        const [[path, name] = []] = await store.rows(PART_OF_SPANS);
        // Its spans are written anew then.
        truncateSync(join(String(path), 'minmax_start_s.idx'), 0);
        await store.engine.command(`ALTER TABLE throughline.spans DETACH PART '${String(name)}'`);
        const pattern = `${faulty.newPartsOf('spans')}/${file}`;
        faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, action: 'fail ENOSPC' }]);
        expect(await store.engine.repairIndexes([String(name)])).toEqual([]);
        expect(faulty.faults.applied()).toBe(1);
        expect(await store.rows(PART_OF_SPANS)).toEqual([]);
      });
      await faulty.inStore(async (store) => {
        const [[name] = []] = await store.rows(DETACHED.replace('table, ', ''));
        expect(await store.engine.repairIndexes([String(name)])).toEqual([name]);
      });
      await faulty.start();
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );
});

describe.skipIf(!canInjectFaults)('a part of request metrics that is not renamed to its place', () => {
  const actions: readonly [string, FaultAction][] = [
    ['the disk is full for a moment', 'fail ENOSPC'],
    ['the engine is killed before it', 'kill-before self'],
    ['the engine is killed behind it', 'kill-after self'],
  ];
  it.each(sampleOf(actions, 1, SEED))('is stored once in the end, because %s', async (_, action) => {
    const faulty = new FaultyCollector();
    await faulty.start(['--counts-segment-age-ms', '50']);
    await faulty.tell('shop', 100);
    await expect.poll(() => faulty.counted('shop')).toBe(100);
    let told = 100;
    for (const table of ['counted_1m', 'counted_1h']) {
      const pattern = faulty.newPartsOf(table);
      faulty.faults.plan([{ process: 'engine', kind: 'rename', pattern, action }]);
      await faulty.tell('shop', (told += 7));
      await expect.poll(() => faulty.faults.applied()).toBe(1);
      faulty.faults.plan([]);
      await faulty.settle();
      await faulty.tell('shop', (told += 1));
      await expect.poll(() => faulty.counted('shop')).toBe(told);
    }
    expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
  });
});

describe.skipIf(!canInjectFaults)('a file that describes a part of request metrics, and is not written with it', () => {
  const cases: readonly [string, number][] = [
    ['counted_1m', 1],
    ['counted_1h', 1],
    // The repeat meets it as well, and the repeat of that.
    ['counted_1m', 3],
    ['counted_1h', 3],
  ];
  it.each(sampleOf(cases, 2, SEED))(
    'costs no request when the engine is started again: %s × %i',
    async (table, times) => {
      const faulty = new FaultyCollector();
      const args = ['--counts-segment-age-ms', '50'];
      await faulty.start(args);
      await faulty.tell('shop', 100);
      await expect.poll(() => faulty.counted('shop')).toBe(100);
      const pattern = `${faulty.newPartsOf(table)}/columns.txt`;
      faulty.faults.plan([{ process: 'engine', kind: 'write', pattern, times, action: 'fail EIO' }]);
      await faulty.tell('shop', 107);
      await expect.poll(() => faulty.faults.applied()).toBe(times);
      await faulty.settle();
      await expect.poll(() => faulty.counted('shop')).toBe(107);
      // The start would refuse what is not whole.
      await faulty.inStore(() => Promise.resolve());
      await faulty.start(args);
      await faulty.tell('shop', 110);
      await expect.poll(() => faulty.counted('shop')).toBe(110);
      expect(await faulty.end()).toMatchObject(NOTHING_WRONG);
    },
  );
});

const PART_OF_SPANS =
  "SELECT path, name FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active";
