import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aSpan, appendSpan } from '../../columns/testing/append-span.ts';
import { openTestSpool } from '../../spool/testing/open-test-spool.ts';
import { EngineError } from '../engine.ts';
import { isDataError } from '../insert-failure.ts';
import { StoreDamage } from './store-damage.ts';
import { silentLog as log, startEngine, type StartedEngine } from '../testing/start-engine.ts';

const isLong = process.env['THROUGHLINE_TEST_LONG'] !== undefined;
const SPANS = 300;
const NOW_NS = 1_795_000_000_000_000_000n;
const BASE = mkdtempSync(join(tmpdir(), 'throughline-damage-in-doubt-'));
const STORE = join(BASE, 'store');
/** Of the only part of `spans`, relative to the store. */
let part = '';
/** In the spool. */
let segment = '';

beforeAll(async () => {
  const { spool, ingest } = await openTestSpool(join(BASE, 'spool'), { segmentAgeMs: 60_000 }, () =>
    Number(NOW_NS / 1_000_000n),
  );
  await ingest.decode((block, refusals) => {
    for (let number = 1; number <= SPANS; number++) {
      const spanId = number.toString(16).padStart(16, '0');
      appendSpan(block, refusals, aSpan({ spanId, startNs: NOW_NS + BigInt(number) }));
    }
  });
  await spool.close();
  segment = spool.sealed[0]?.path ?? '';
  await using store = await startEngine({}, STORE);
  await store.engine.insertNativeFile('spans', segment, 'first');
  const [[path = ''] = []] = await store.rows(
    `SELECT path FROM system.parts WHERE database = 'throughline' AND table = 'spans' AND active`,
  );
  part = String(path).slice(STORE.length + 1);
});
afterAll(() => rmSync(BASE, { recursive: true, force: true }));

interface Harmed {
  readonly store: StartedEngine;
  readonly damage: StoreDamage;
  [Symbol.asyncDispose](): Promise<void>;
}

async function openHarmed(harm: (part: string) => void): Promise<Harmed> {
  const directory = mkdtempSync(join(tmpdir(), 'throughline-damage-in-doubt-'));
  cpSync(STORE, directory, { recursive: true, verbatimSymlinks: true });
  // The engine is open by then: at its start it would notice some of it by itself.
  const store = await startEngine({}, directory);
  harm(join(directory, part));
  const [repairedPath, damagedPath] = [join(directory, 'repaired'), join(directory, 'damaged')];
  const damage = new StoreDamage({ log, registry: new Registry(), repairedPath, damagedPath });
  await damage.findAtStart(store.engine);
  damage.start(store.engine, () => Promise.resolve());
  return {
    store,
    damage,
    [Symbol.asyncDispose]: async () => {
      damage.stop();
      await store.engine.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  writeFileSync(file, bytes);
}

/**
 * Where the compressed blocks of a file begin: behind 16 bytes of checksum, a byte for the method, and how long they
 * are, u32.
 */
function blocksOf(file: string): number[] {
  const bytes = readFileSync(file);
  const starts: number[] = [];
  for (let at = 0; at + 25 < bytes.length; at += 16 + bytes.readUInt32LE(at + 17)) starts.push(at);
  return starts;
}

const storedSpans = async (store: StartedEngine): Promise<unknown> =>
  (
    await store.rows(
      'SELECT toUInt32(count()), toUInt32(uniqExact(span_id)) FROM throughline.spans WHERE NOT ignore(*)',
    )
  )[0];

describe('a segment in doubt whose spans are in a part that is damaged', () => {
  it('is stored as a whole when the part is out of the way, whichever block of it has a wrong byte', async () => {
    const starts = blocksOf(join(STORE, part, 'data.bin'));
    expect(starts.length).toBeGreaterThan(20);
    let detached = 0;
    for (const [index, start] of starts.entries()) {
      if (!isLong && index % 8 !== 3) continue;
      // Its length, which the engine may believe, and its contents, which have a checksum.
      for (const at of [start + 18, start + 25]) {
        await using harmed = await openHarmed((path) => flip(join(path, 'data.bin'), at));
        const { store, damage } = harmed;
        const guarded = damage.forWork(store.engine);
        const unguarded = await store.engine.insertMissingSpans(segment).catch((error: unknown) => error);
        expect(isDataError(unguarded), String(unguarded)).toBe(false);
        const missing = await guarded.insertMissingSpans(segment);
        expect(missing, `byte ${at}`).toBe(damage.lost.length === 0 ? 0 : SPANS);
        expect(damage.lost.length, `byte ${at}`).toBe(unguarded instanceof EngineError ? 1 : 0);
        detached += damage.lost.length;
        // A byte that no comparison reads is met by who reads everything.
        const stored = damage.lost.length === 1 ? await storedSpans(store) : [SPANS, SPANS];
        expect(stored, `byte ${at}`).toEqual([SPANS, SPANS]);
      }
    }
    expect(detached).toBeGreaterThan(0);
  });

  it('waits where the part cannot be detached, and is not taken for the reason', async () => {
    const at = (blocksOf(join(STORE, part, 'data.bin'))[3] ?? 0) + 18;
    await using harmed = await openHarmed((path) => flip(join(path, 'data.bin'), at));
    const registry = new Registry();
    const [repairedPath, damagedPath] = [join(BASE, 'repaired'), join(BASE, 'damaged')];
    const none = new StoreDamage({ log, registry, repairedPath, damagedPath, limits: { detachedPartsMax: 0 } });
    const guarded = none.forWork(harmed.store.engine);
    const error = await guarded.insertMissingSpans(segment).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EngineError);
    expect(isDataError(error)).toBe(false);
    expect(none.unreadable).toContain('stays in use');
  });

  it('a segment that cannot be read itself is the reason, and no part is looked at for it', async () => {
    await using harmed = await openHarmed(() => {});
    const { store, damage } = harmed;
    const copy = join(BASE, 'short.native');
    cpSync(segment, copy);
    truncateSync(copy, readFileSync(copy).length - 100);
    let checks = 0;
    const counting = new Proxy(store.engine, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'query')
          return (...given: Parameters<typeof target.query>) => {
            if (given[0].startsWith('CHECK')) checks += 1;
            return target.query(...given);
          };
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
    const error = await damage
      .forWork(counting)
      .insertMissingSpans(copy)
      .catch((reason: unknown) => reason);
    expect(isDataError(error), String(error)).toBe(true);
    expect(checks).toBe(0);
    expect(damage.lost).toEqual([]);
    expect(readdirSync(BASE)).toContain('short.native');
  });
});
