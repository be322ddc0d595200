import { afterEach, describe, expect, it } from 'vitest';
import { AwayShards } from './away-shards.ts';
import { EngineError, type MissingShards } from '../engine.ts';
import { eventually, silentLog as log } from '../testing/start-engine.ts';

const lost = (clickhouseCode: number): EngineError => new EngineError('unavailable', 'lost', { clickhouseCode });

/** The first shard has traces whose hash is even. */
const TRACES = ['0'.repeat(32), `${'0'.repeat(24)}01000000`] as const;

let closing = new AbortController();
afterEach(() => closing.abort());

/** A cluster of two shards; a query fails without `skip_unavailable_shards` while one of them is away. */
function aCluster(recheckMs = 10) {
  closing = new AbortController();
  const cluster = {
    away: new Set<number>(),
    /** No server answers which shards there are. */
    isSilent: false,
    looks: 0,
    asked: [] as boolean[],
  };
  const shards = new AwayShards({
    cluster: 'main',
    shards: { numbers: [1, 2], numberOfHash: (hash) => (hash % 2) + 1 },
    rows: (sql, settings) => {
      expect(sql).toContain("'main'");
      expect(settings).toEqual({ skip_unavailable_shards: 1 });
      cluster.looks += 1;
      if (cluster.isSilent) return Promise.reject(lost(0));
      return Promise.resolve([1, 2].filter((number) => !cluster.away.has(number)).map((number) => [number]));
    },
    recheckMs,
    log,
    closing: closing.signal,
  });
  const ask = async (settings: Readonly<Record<string, string | number>>): Promise<number> => {
    const isSkipping = settings['skip_unavailable_shards'] === 1;
    cluster.asked.push(isSkipping);
    if (cluster.away.size > 0 && !isSkipping) throw lost(279);
    return await Promise.resolve(2 - cluster.away.size);
  };
  const answer = async (): Promise<{ found: number; missing: MissingShards | null }> => {
    let missing: MissingShards | null = null;
    const found = await shards.answer(ask, (without) => (missing = without));
    return { found, missing };
  };
  return { cluster, shards, ask, answer };
}

describe('queries while a shard is away', () => {
  it('are asked once, and not marked, while all shards answer', async () => {
    const { cluster, answer } = aCluster();
    expect(await answer()).toEqual({ found: 2, missing: null });
    expect(cluster).toMatchObject({ asked: [false], looks: 0 });
  });

  it('go on without it and say so, and only the first of them fails before', async () => {
    const { cluster, shards, answer } = aCluster(60_000);
    cluster.away.add(2);
    for (let query = 0; query < 3; query++) {
      expect(await answer()).toMatchObject({ found: 1, missing: { missingShards: 1, shards: 2 } });
    }
    expect(cluster.asked).toEqual([false, true, true, true]);
    expect(shards.count).toBe(1);
  });

  it('are whole soon after it is back', async () => {
    const { cluster, shards, answer } = aCluster();
    cluster.away.add(1);
    await answer();
    cluster.away.clear();
    await eventually(() => shards.count === 0);
    expect(await answer()).toEqual({ found: 2, missing: null });
  });

  it.each([32, 198, 209, 210, 279])('are repeated whole where all shards answer after error %i', async (code) => {
    const { cluster, shards, ask } = aCluster();
    let failures = 1;
    const flaky = async (settings: Readonly<Record<string, string | number>>): Promise<number> => {
      if (failures-- > 0) throw lost(code);
      return ask(settings);
    };
    const marks: MissingShards[] = [];
    expect(await shards.answer(flaky, (missing) => void marks.push(missing))).toBe(2);
    expect(marks).toEqual([]);
    expect(cluster.asked.at(-1)).toBe(false);
  });

  it('are asked once more where another one is lost in the middle of the answer', async () => {
    const { cluster, shards, ask, answer } = aCluster(60_000);
    cluster.away.add(2);
    await answer();
    let failures = 1;
    const marks: MissingShards[] = [];
    const found = await shards.answer(
      (settings) => (failures-- > 0 ? Promise.reject(lost(32)) : ask(settings)),
      (missing) => void marks.push(missing),
    );
    expect({ found, marks: marks.length }).toEqual({ found: 1, marks: 1 });
  });

  it('reject with what says nothing of other servers', async () => {
    const { cluster, shards } = aCluster();
    const failing = shards.answer(
      () => Promise.reject(lost(241)),
      () => {},
    );
    await expect(failing).rejects.toMatchObject({ clickhouseCode: 241 });
    expect(cluster.looks).toBe(0);
  });

  it('reject where nobody wants an answer in part, known as the shard may be', async () => {
    const { cluster, shards, ask, answer } = aCluster();
    cluster.away.add(2);
    await answer();
    await expect(shards.answer(ask, undefined)).rejects.toMatchObject({ clickhouseCode: 279 });
    expect(cluster.asked.at(-1)).toBe(false);
  });

  it('know by its id whether a trace is missing, also of a shard that has gone since', async () => {
    const { cluster, answer } = aCluster(60_000);
    cluster.away.add(2);
    const { missing } = await answer();
    const lacks = async (): Promise<unknown> => [
      await missing?.lacksTrace(TRACES[0]),
      await missing?.lacksTrace(TRACES[1]),
    ];
    expect(await lacks()).toEqual([false, true]);
    cluster.away.add(1);
    expect(await lacks()).toEqual([true, true]);
  });

  it('take any trace for missing while nobody says which shards answer', async () => {
    const { cluster, answer } = aCluster(60_000);
    cluster.away.add(2);
    cluster.isSilent = true;
    const { found, missing } = await answer();
    expect({ found, ...missing }).toMatchObject({ found: 1, missingShards: 1, shards: 2 });
    expect(await missing?.lacksTrace(TRACES[0])).toBe(true);
  });
});
