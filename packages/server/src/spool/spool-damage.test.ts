import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Seeded } from '../columns/testing/seeded.ts';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { RECORD_BYTES } from './segment-index.ts';
import type { SpoolLimits } from './limits.ts';
import { Spool } from './spool.ts';

const CASES = process.env['THROUGHLINE_TEST_LONG'] === 'true' ? 2_000 : 100;
const SEED = Number(process.env['THROUGHLINE_TEST_SEED'] ?? 20_261_123);
const NEVER_MS = 3_600_000;
const BLOCKS_PER_SEGMENT = 4;

let directory: string;
const opened: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-damage-'));
});
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

async function openSpool(limits: Partial<SpoolLimits> = {}): Promise<Spool> {
  const spool = new Spool({ directory, log, registry: new Registry(), limits: { segmentAgeMs: NEVER_MS, ...limits } });
  opened.push(spool);
  await spool.open();
  return spool;
}

/** What a damaged segment still has to give, by the numbers of its blocks. */
interface Damage {
  readonly kind: string;
  readonly intact: readonly number[];
  /** Whether something that was acknowledged may be gone, so that a person must hear of it. */
  readonly isNamed: boolean;
}

const block = (name: string, number: number): string => `<${name} ${'x'.repeat(number * 7)}${number}>`;
const blocks = Array.from({ length: BLOCKS_PER_SEGMENT }, (_, number) => number);
const without = (lost: number): number[] => blocks.filter((number) => number !== lost);

/**
 * Damages one segment's files in one of the ways in which disks and crashes do it. In the newest segment the last block
 * may have been on its way when the process died: where it never reached the disk, nobody waits for it.
 */
function damage(random: Seeded, path: string, starts: readonly number[], isNewest: boolean): Damage {
  const data = `${path}.native`;
  const index = `${path}.index`;
  const number = random.below(BLOCKS_PER_SEGMENT);
  const start = starts.at(number) ?? 0;
  const end = starts.at(number + 1) ?? 0;
  const last = BLOCKS_PER_SEGMENT - 1;
  const mayBeTorn = isNewest && number === last;
  switch (random.below(10)) {
    case 0: {
      // The first and the last byte of a block are the ones that an off-by-one forgets.
      flip(data, random.pick([start, end - 1, start + random.below(end - start)]), random);
      return { kind: 'a flipped bit in a block', intact: without(number), isNamed: true };
    }
    case 1: {
      const field = random.pick([0, 4, 8, 15, 16, 20, 24, 28, RECORD_BYTES - 1]);
      flip(index, number * RECORD_BYTES + field, random);
      return { kind: 'a flipped bit in a record', intact: without(number), isNamed: true };
    }
    case 2: {
      truncateSync(data, start + random.below(end - start));
      return { kind: 'a truncated segment', intact: blocks.slice(0, number), isNamed: !mayBeTorn };
    }
    case 3: {
      truncateSync(index, number * RECORD_BYTES + random.below(RECORD_BYTES));
      return { kind: 'a truncated sidecar', intact: blocks.slice(0, number), isNamed: !isNewest };
    }
    case 4:
      rmSync(index);
      return { kind: 'a sidecar that is gone', intact: [], isNamed: true };
    case 5:
      rmSync(data);
      return { kind: 'a segment without its data', intact: [], isNamed: true };
    case 6:
      writeFileSync(data, Buffer.alloc(1 + random.below(40), random.below(256)), { flag: 'a' });
      return { kind: 'a torn block behind the last', intact: blocks, isNamed: !isNewest };
    case 7: {
      clear(data, start, end);
      return { kind: 'zeros in the place of a block', intact: without(number), isNamed: !mayBeTorn };
    }
    case 8: {
      clear(index, number * RECORD_BYTES, (number + 1) * RECORD_BYTES);
      return { kind: 'zeros in the place of a record', intact: without(number), isNamed: !mayBeTorn };
    }
    default:
      writeFileSync(index, Buffer.alloc(1 + random.below(RECORD_BYTES - 1), random.below(256)), { flag: 'a' });
      return { kind: 'a torn record behind the last', intact: blocks, isNamed: false };
  }
}

function clear(path: string, from: number, to: number): void {
  writeFileSync(path, readFileSync(path).fill(0, from, to));
}

function flip(path: string, at: number, random: Seeded): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << random.below(8)), at);
  writeFileSync(path, bytes);
}

test(`of damaged segments every intact block is handed over, in order, and the rest is kept and named, ${CASES} times`, async () => {
  const random = new Seeded(SEED);
  const seen = new Map<string, number>();
  for (let round = 0; round < CASES; round++) {
    rmSync(directory, { recursive: true });
    const spool = await openSpool({ segmentRowsMax: BLOCKS_PER_SEGMENT });
    const segments = ['a', 'b', 'c'];
    for (const name of segments) {
      for (const number of blocks) {
        expect(await spool.append(Buffer.from(block(name, number)), 1)).toEqual({ kind: 'durable' });
      }
    }
    const stems = readdirSync(directory).filter(
      (file) => file.endsWith('.native') && statSync(join(directory, file)).size > 0,
    );
    const starts = [0, ...blocks].map((_, number) => {
      return blocks.slice(0, number).reduce((sum, each) => sum + block('a', each).length, 0);
    });
    const damages = stems.toSorted().map((file, index) => {
      if (random.chance(0.4)) return { kind: 'nothing', intact: blocks, isNamed: false };
      return damage(random, join(directory, file.replace('.native', '')), starts, index === segments.length - 1);
    });
    for (const { kind } of damages) seen.set(kind, (seen.get(kind) ?? 0) + 1);

    const after = await openSpool();
    const expected = damages.flatMap(({ intact }, index) => intact.map((each) => block(segments[index] ?? '', each)));
    const kept = readdirSync(join(directory, 'rejected')).filter((file) => file.endsWith('.damaged.native'));
    const words = JSON.stringify({ seed: SEED, round, damages });
    expect(await textOf(after), words).toBe(expected.join(''));
    expect(kept, words).toHaveLength(damages.filter(({ isNamed }) => isNamed).length);
    expect(after.status.quarantinedSegments, words).toEqual(kept.map((file) => file.replace('.native', '')));
    await Promise.all(opened.splice(0).map((each) => each.close()));
  }
  expect(seen.size).toBe(11);
});

async function textOf(spool: Spool): Promise<string> {
  await spool.close();
  let text = '';
  for (;;) {
    const segment = await spool.nextSealed(new AbortController().signal);
    if (segment === null) return text;
    text += readFileSync(segment.path, 'latin1');
    await spool.release(segment);
  }
}

test.for([
  ['a day forwards', 86_400_000],
  ['a day back', -86_400_000],
  ['forty years back', -40 * 365 * 86_400_000],
  ['beyond the year 2106', 100 * 365 * 86_400_000],
] as const)('a clock that jumps %s neither holds a segment back nor breaks its order', async ([, jumpMs]) => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const spool = await openSpool({ segmentAgeMs: 20 });
  await spool.append(Buffer.from('1'), 1);
  vi.setSystemTime(Date.now() + jumpMs);
  await spool.append(Buffer.from('2'), 1);
  const first = await spool.nextSealed(AbortSignal.timeout(240_000));
  expect(first?.rows).toBe(2);
  expect(spool.status.backlogAgeMs).toBeGreaterThanOrEqual(0);
  if (first !== null) await spool.release(first);
  await spool.append(Buffer.from('3'), 1);
  vi.setSystemTime(Date.now() - jumpMs);
  const second = await spool.nextSealed(AbortSignal.timeout(240_000));
  expect(second?.rows).toBe(1);
  expect(String(second?.name) > String(first?.name)).toBe(true);
  // A process that died, and a clock that is wrong at the next start.
  vi.setSystemTime(0);
  expect((await openSpool()).status).toMatchObject({ backlogSegments: 1, backlogAgeMs: 0 });
});
