import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog as log } from '../storage/testing/start-engine.ts';
import { RECORD_BYTES } from './segment-index.ts';
import { Seeded } from '../columns/testing/seeded.ts';
import { recoverSegment, type Segment } from './segment-recovery.ts';
import { Spool, type DurableBlock, type SpoolOptions } from './spool.ts';
import type { SpoolLimits } from './limits.ts';

let directory: string;
const opened: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-spool-'));
});
afterEach(async () => {
  // Those whose process was said to have died still hold their files.
  for (const spool of opened.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const NEVER = 3_600_000;

async function openSpool(limits: Partial<SpoolLimits> = {}, more: Partial<SpoolOptions> = {}): Promise<Spool> {
  const registry = new Registry();
  const spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: NEVER, ...limits }, ...more });
  opened.push(spool);
  await spool.open();
  return spool;
}

const block = (content: string): Buffer => Buffer.from(`<${content}>`);

async function appendAll(spool: Spool, contents: readonly string[]): Promise<void> {
  for (const content of contents) expect(await spool.append(block(content), 1)).toEqual({ kind: 'durable' });
}

/** Takes everything that is sealed, oldest first. */
async function takeAll(spool: Spool): Promise<{ segments: Segment[]; text: string }> {
  await spool.close();
  const segments: Segment[] = [];
  let text = '';
  for (;;) {
    const segment = await spool.nextSealed(new AbortController().signal);
    if (segment === null) return { segments, text };
    text += readFileSync(segment.path, 'latin1');
    segments.push(segment);
    await spool.release(segment);
  }
}

/** What another process finds after this one was killed: nothing is closed or sealed. */
const reopened = (limits: Partial<SpoolLimits> = {}): Promise<Spool> => openSpool(limits);

/** Those in which anything stands: the files of the next segment are there as well. */
const files = (suffix: string): string[] =>
  readdirSync(directory)
    .filter((file) => file.endsWith(suffix) && statSync(join(directory, file)).size > 0)
    .toSorted();
const onlyFile = (suffix: string): string => {
  const [file = '', ...others] = files(suffix);
  expect(others).toEqual([]);
  return join(directory, file);
};

test('what is durable is handed over in order, in segments of bounded size, and then forgotten', async () => {
  const spool = await openSpool({ segmentBytesMax: 10, segmentRowsMax: 3 });
  await appendAll(spool, ['1', '2', '3', '4', 'a block beyond the size', '5']);
  const { segments, text } = await takeAll(spool);
  expect(text).toBe('<1><2><3><4><a block beyond the size><5>');
  expect(segments.map(({ rows, bytes }) => [rows, bytes])).toEqual([
    [3, 9],
    [1, 3],
    [1, 25],
    [1, 3],
  ]);
  expect(readdirSync(directory)).toEqual(['rejected']);
  expect(spool.status).toMatchObject({ backlogBytes: 0, backlogSegments: 0, backlogAgeMs: 0 });
});

test('a segment is sealed by its age while nothing else waits', async () => {
  const spool = await openSpool({ segmentAgeMs: 20 });
  await appendAll(spool, ['1']);
  const segment = await spool.nextSealed(AbortSignal.timeout(240_000));
  expect(segment?.rows).toBe(1);
  // The engine is busy with the first one: the second grows until that is released.
  await appendAll(spool, ['2', '3']);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(spool.status.backlogSegments).toBe(2);
  if (segment !== null) await spool.release(segment);
  expect((await spool.nextSealed(AbortSignal.timeout(240_000)))?.rows).toBe(2);
});

test('a segment is sealed with fewer rows while no other waits for the store', async () => {
  const spool = await openSpool({ segmentRowsIdle: 2, segmentRowsMax: 4 });
  await appendAll(spool, ['1', '2', '3', '4', '5']);
  const first = await spool.nextSealed(new AbortController().signal);
  expect(first?.rows).toBe(2);
  // The store has the first one: the next grows on.
  expect(spool.sealed).toHaveLength(1);
  if (first !== null) await spool.release(first);
  await appendAll(spool, ['6']);
  expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(4);
});

test('what is durable of a segment can be read until it is released', async () => {
  const places: DurableBlock[] = [];
  const spool = await openSpool({ segmentRowsMax: 3 }, { onDurable: (durable) => places.push(durable) });
  const seconds = { first: 1, last: 2 };
  for (const content of ['1', 'two', '3']) await spool.append(block(content), 1, { arrival: 1, seconds });
  const texts = await Promise.all(
    places.map(async ({ segment, offset, length }) =>
      Buffer.from(await spool.read(segment, offset, length)).toString(),
    ),
  );
  expect(texts).toEqual(['<1>', '<two>', '<3>']);
  const segment = places[0]?.segment ?? '';
  await expect(spool.read(segment, 0, 1_000)).rejects.toThrow('ends before');
  const sealed = await spool.nextSealed(new AbortController().signal);
  if (sealed !== null) await spool.release(sealed);
  await expect(spool.read(segment, 0, 3)).rejects.toThrow('ENOENT');
});

test('a loader that asks while the spool is being closed is given what was open', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1']);
  const closed = spool.close();
  expect(await spool.nextSealed(new AbortController().signal)).toMatchObject({ rows: 1 });
  await closed;
});

test('after the death of the process every acknowledged block is there, in order', async () => {
  const spool = await openSpool({ segmentRowsMax: 2 });
  await appendAll(spool, ['1', '2', '3', '4', '5']);
  const { segments, text } = await takeAll(await reopened());
  expect(text).toBe('<1><2><3><4><5>');
  expect(segments).toHaveLength(3);
});

test('a tail that was never acknowledged is cut off, wherever the write was torn', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2', '3']);
  const [data, index] = [onlyFile('.native'), onlyFile('.index')];
  const [wholeData, wholeIndex] = [readFileSync(data), readFileSync(index)];
  // Nothing is created in the directory any more.
  await expect.poll(() => readdirSync(directory)).toHaveLength(5);
  for (let dataBytes = 6; dataBytes <= 9; dataBytes++) {
    for (const indexBytes of [2 * RECORD_BYTES, 2 * RECORD_BYTES + 1, 3 * RECORD_BYTES - 1, 3 * RECORD_BYTES]) {
      rmSync(directory, { recursive: true });
      const intact = dataBytes === 9 && indexBytes === 3 * RECORD_BYTES;
      execFileSync('mkdir', ['-p', directory]);
      writeFileSync(data, wholeData.subarray(0, dataBytes));
      writeFileSync(index, wholeIndex.subarray(0, indexBytes));
      const { text } = await takeAll(await reopened());
      expect(text).toBe(intact ? '<1><2><3>' : '<1><2>');
      expect(readdirSync(join(directory, 'rejected'))).toEqual([]);
    }
  }
});

test.each([
  ['the block is there by its length alone', '.native', 6, 9],
  ['its record is there by its length alone', '.index', 2 * RECORD_BYTES, 3 * RECORD_BYTES],
])('a block that a power failure kept from the disk is a torn tail: %s', async (_, suffix, from, to) => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2', '3']);
  const file = onlyFile(suffix);
  writeFileSync(file, readFileSync(file).fill(0, from, to));
  const after = await reopened();
  expect(after.status.quarantinedSegments).toEqual([]);
  expect((await takeAll(after)).text).toBe('<1><2>');
});

/** Of a segment with one good block before it, a block of this text. */
async function appendBehindAnother(text: string): Promise<string> {
  const spool = await openSpool();
  await appendAll(spool, ['1']);
  expect(await spool.append(Buffer.from(text, 'latin1'), 1)).toEqual({ kind: 'durable' });
  return onlyFile('.native');
}

const SECTOR = 512;
/** Sectors as they may be: of text, of zeros, and both. */
const SECTORS = [
  'x'.repeat(SECTOR),
  '\0'.repeat(SECTOR),
  `${'\0'.repeat(SECTOR - 1)}y`,
  '\0'.repeat(2 * SECTOR),
  'z'.repeat(9),
];

test.each([
  ['its first sector', 3, SECTOR],
  ['a sector in between', SECTOR, 2 * SECTOR],
  ['one that has zeros for the most part', 2 * SECTOR, 4 * SECTOR],
  ['its end', 5 * SECTOR, 6 * SECTOR],
])(
  'a block of which a sector never reached the disk is a torn tail, also where it holds zeros: %s',
  async (_, from, to) => {
    const file = await appendBehindAnother(SECTORS.join(''));
    const whole = readFileSync(file);
    writeFileSync(file, readFileSync(file).fill(0, from, Math.min(to, whole.length)));
    const after = await reopened();
    expect(after.status.quarantinedSegments).toEqual([]);
    expect((await takeAll(after)).text).toBe('<1>');
  },
);

test('a last block whose bytes reached the disk and were changed there is kept as it was found, and named', async () => {
  const random = new Seeded(17);
  for (let round = 0; round < 30; round++) {
    rmSync(directory, { recursive: true });
    const text = SECTORS.join('');
    const file = await appendBehindAnother(text);
    const suffix = random.pick(['.native', '.index']);
    const path = file.replace('.native', suffix);
    const damaged = readFileSync(path);
    const [from, to] = suffix === '.index' ? [RECORD_BYTES, 2 * RECORD_BYTES] : [3, 3 + text.length];
    const at = random.pick([from, to - 1, from + random.below(to - from)]);
    damaged[at] = (damaged[at] ?? 0) ^ random.pick([1 << random.below(8), 0xff]);
    writeFileSync(path, damaged);
    const after = await reopened();
    const words = `round ${round}: ${suffix} ${at}`;
    expect(after.status.quarantinedSegments, words).toHaveLength(1);
    const [name = ''] = after.status.quarantinedSegments;
    expect(readFileSync(join(directory, 'rejected', name + suffix)), words).toEqual(damaged);
    expect((await takeAll(after)).text, words).toBe('<1>');
    await after.close();
  }
});

test('of a segment that is not the newest, no block is missing without a word', async () => {
  const spool = await openSpool({ segmentRowsMax: 2 });
  await appendAll(spool, ['1', '2', '3']);
  const [older = ''] = files('.native');
  writeFileSync(join(directory, older), readFileSync(join(directory, older)).fill(0, 3, 6));
  const after = await reopened();
  expect(after.status.quarantinedSegments).toEqual([older.replace('.native', '.damaged')]);
  expect((await takeAll(after)).text).toBe('<1><3>');
});

test('the files of the next segment stand ready, and leave with the process or at the next start', async () => {
  const spool = await openSpool({ segmentRowsMax: 1 });
  const natives = (): string[] => readdirSync(directory).filter((file) => file.endsWith('.native'));
  await expect.poll(natives).toHaveLength(1);
  const [first] = natives();
  await appendAll(spool, ['1']);
  expect(files('.native')).toEqual([first]);
  await expect.poll(natives).toHaveLength(2);
  // As after a crash: what was created for later is not the newest segment, whose tail may be torn.
  writeFileSync(onlyFile('.native'), 'half a blo', { flag: 'a' });
  const after = await reopened();
  expect(after.status).toMatchObject({ backlogSegments: 1, quarantinedSegments: [] });
  expect((await takeAll(after)).text).toBe('<1>');
  await spool.close();
  expect(readdirSync(directory)).toEqual(['rejected']);
});

test('bytes behind the last record are cut off', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1']);
  writeFileSync(onlyFile('.native'), 'half a blo', { flag: 'a' });
  expect((await takeAll(await reopened())).text).toBe('<1>');
});

test('a flipped bit costs its own block and no other, and the segment is kept as it was found', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(4 * 3 - 1), fc.nat(7), async (byte, bit) => {
      rmSync(directory, { recursive: true });
      const spool = await openSpool();
      await appendAll(spool, ['1', '2', '3', '4', '5']);
      const data = onlyFile('.native');
      const damaged = readFileSync(data);
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << bit);
      writeFileSync(data, damaged);
      const after = await reopened();
      const lost = Math.floor(byte / 3);
      expect(after.status.quarantinedSegments).toHaveLength(1);
      expect((await takeAll(after)).text).toBe(
        ['<1>', '<2>', '<3>', '<4>', '<5>'].filter((_, index) => index !== lost).join(''),
      );
      const kept = readdirSync(join(directory, 'rejected')).find((file) => file.endsWith('.damaged.native')) ?? '';
      expect(readFileSync(join(directory, 'rejected', kept))).toEqual(damaged);
    }),
    { numRuns: 20, seed: 9 },
  );
});

test('a flipped bit in the index costs one block at most', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(3 * RECORD_BYTES - 1), fc.nat(7), async (byte, bit) => {
      rmSync(directory, { recursive: true });
      const spool = await openSpool();
      await appendAll(spool, ['1', '2', '3', '4', '5']);
      const index = onlyFile('.index');
      const damaged = readFileSync(index);
      damaged[byte] = (damaged[byte] ?? 0) ^ (1 << bit);
      writeFileSync(index, damaged);
      const lost = Math.floor(byte / RECORD_BYTES);
      expect((await takeAll(await reopened())).text).toBe(
        ['<1>', '<2>', '<3>', '<4>', '<5>'].filter((_, number) => number !== lost).join(''),
      );
    }),
    { numRuns: 20, seed: 10 },
  );
});

test('a segment keeps its name through every repair, because its name is its token', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2', '3']);
  const name = files('.native')[0]?.replace('.native', '');
  writeFileSync(onlyFile('.native'), Buffer.from('<1>X2><3>'));
  const { segments } = await takeAll(await reopened());
  expect(segments.map((segment) => segment.name)).toEqual([name]);
});

test('files that hold nothing leave nothing', async () => {
  writeFileSync(join(directory, '000000000001-a.index'), '');
  writeFileSync(join(directory, '000000000002-b.native'), '');
  writeFileSync(join(directory, '000000000002-b.index'), '');
  writeFileSync(join(directory, '000000000003-c.repaired'), 'x');
  writeFileSync(join(directory, '000000000003-c.temporary'), 'x');
  const { segments } = await takeAll(await openSpool());
  expect(segments).toEqual([]);
  expect(readdirSync(directory)).toEqual(['rejected']);
});

test('a removal that was interrupted is completed, and looks like no damage', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2']);
  const [data, index] = [onlyFile('.native'), onlyFile('.index')];
  const removed = index.replace('.index', '.removed');
  const bytes = readFileSync(data);
  renameSync(index, removed);
  for (const isDataLeft of [true, false]) {
    if (!isDataLeft) writeFileSync(removed, bytes);
    const after = await reopened();
    expect(after.status).toMatchObject({ backlogSegments: 0, quarantinedSegments: [] });
    await after.close();
    expect(readdirSync(directory)).toEqual(['rejected']);
  }
});

test('damage is reported before it is repaired: whoever dies between the two is followed by one who finds it again', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2', '3']);
  const data = onlyFile('.native');
  writeFileSync(data, Buffer.from('<1>X2><3>'));
  const onDamage = vi.fn<(blocks: number) => Promise<void>>().mockRejectedValueOnce(new Error('killed'));
  const options = { mayBeTorn: false, mayBeStored: true, onDamage };
  await expect(recoverSegment(directory, basename(data, '.native'), options)).rejects.toThrow('killed');
  expect(readFileSync(data, 'latin1')).toBe('<1>X2><3>');
  const error = vi.fn<(facts: object, words: string) => void>();
  const after = await openSpool({}, { log: Object.assign(pino({ level: 'silent' }), { error }) });
  expect(error).toHaveBeenCalledWith(expect.objectContaining({ damagedBlocks: 1 }), expect.any(String));
  expect((await takeAll(after)).text).toBe('<1><3>');
});

test('a repair that was interrupted after its last write is completed', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1', '2', '3']);
  const data = onlyFile('.native');
  writeFileSync(data, Buffer.from('<1>X2><3>'));
  const after = await reopened();
  await after.close();
  const [repairedData, repairedIndex] = [readFileSync(data), readFileSync(onlyFile('.index'))];
  writeFileSync(data, Buffer.from('<1>X2><3>'));
  writeFileSync(data.replace('.native', '.repaired'), repairedData);
  writeFileSync(data.replace('.native', '.repaired-index'), repairedIndex);
  expect((await takeAll(await reopened())).text).toBe('<1><3>');
});

test('a segment that the engine rejects for good is quarantined, and its number is not used again', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['1']);
  await spool.close();
  const segment = await spool.nextSealed(new AbortController().signal);
  if (segment === null) throw new Error('no segment');
  await spool.quarantine(segment, 'wrong');
  expect(spool.status).toMatchObject({ quarantinedSegments: [segment.name], backlogBytes: 0 });
  const after = await reopened();
  expect(after.status.quarantinedSegments).toEqual([segment.name]);
  await appendAll(after, ['2']);
  const [next] = (await takeAll(after)).segments;
  expect(parseInt(next?.name ?? '', 10)).toBe(parseInt(segment.name, 10) + 1);
});

test('takes nothing while the backlog is full, and goes on when the engine has taken some', async () => {
  const spool = await openSpool({ segmentRowsMax: 1, backlogBytesMax: 6 });
  await appendAll(spool, ['1', '2']);
  expect(await spool.append(block('3'), 1)).toMatchObject({ kind: 'blocked' });
  expect(spool.status.blockedBy).toMatch(/backlog is full: 6 bytes /);
  const segment = await spool.nextSealed(new AbortController().signal);
  if (segment !== null) await spool.release(segment);
  await appendAll(spool, ['3']);
  expect((await takeAll(spool)).text).toBe('<2><3>');
});

test('a commit waits for a store that is busy and behind, until it has taken a segment, and not for ever', async () => {
  const spool = await openSpool({ segmentRowsMax: 1, holdMs: 20 });
  const next = async (): Promise<Segment> => {
    const segment = await spool.nextSealed(new AbortController().signal);
    if (segment === null) throw new Error('no segment');
    return segment;
  };
  const isHeld = async (): Promise<boolean> => {
    const held = spool.throttle().then(() => false);
    const isHeldNow = await Promise.race([held, new Promise<boolean>((resolve) => setImmediate(resolve, true))]);
    await held;
    return isHeldNow;
  };
  await appendAll(spool, ['1', '2', '3']);
  // A store that has taken nothing yet may be unavailable: the spool goes on.
  expect(await isHeld()).toBe(false);
  await spool.release(await next());
  expect(await isHeld()).toBe(true);
  const held = spool.throttle();
  await spool.release(await next());
  await held;
  expect(await isHeld()).toBe(false);
  await appendAll(spool, ['4', '5']);
  expect(await isHeld()).toBe(true);
  // The store was unavailable for a while.
  vi.useFakeTimers({ toFake: ['performance'] });
  vi.advanceTimersByTime(3_600_000);
  expect(await isHeld()).toBe(false);
  vi.useRealTimers();
});

test('takes nothing while the disk has less left than the store needs, and goes on when there is room', async () => {
  let freeBytes = 1_000;
  const lines: string[] = [];
  const told = pino({ level: 'warn' }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const spool = new Spool({
    directory,
    log: told,
    registry: new Registry(),
    limits: { segmentAgeMs: NEVER, writeRetryMs: 0, diskReserveBytes: 1_001 },
    space: () => Promise.resolve({ freeBytes, totalBytes: 1e9 }),
  });
  opened.push(spool);
  await spool.open();
  const reason: unknown = expect.stringMatching(/^less than 1 MiB .*\(spool\.diskReserveBytes\)$/);
  for (let count = 0; count < 3; count++)
    expect(await spool.append(block('1'), 1)).toEqual({ kind: 'blocked', reason });
  freeBytes = 2_000;
  await appendAll(spool, ['2']);
  expect(lines).toEqual([
    expect.stringMatching(/rejecting spans: less than 1 MiB /),
    expect.stringMatching(/writable again: accepting/),
  ]);
  expect((await takeAll(spool)).text).toBe('<2>');
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0 && tryMount();

function tryMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'throughline-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

function fillDisk(path: string): void {
  for (const bytes of [64 * 1024, 4096]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Full for pieces of this size.
    }
  }
}

test.skipIf(!canMount)(
  'on a full disk nothing is acknowledged, nothing acknowledged is lost, and it goes on when there is room',
  async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    try {
      const spool = await openSpool({ writeRetryMs: 0, diskReserveBytes: 0 });
      let acknowledged = '';
      const refusals: string[] = [];
      for (let round = 0; round < 40; round++) {
        if (round % 10 === 5) fillDisk(join(directory, 'ballast'));
        if (round % 10 === 0) rmSync(join(directory, 'ballast'), { force: true });
        const content = `${round}-${'x'.repeat(9_000)}`;
        const result = await spool.append(block(content), 1);
        if (result.kind === 'durable') acknowledged += `<${content}>`;
        else refusals.push(result.reason);
      }
      expect(new Set(refusals)).toEqual(new Set([expect.stringMatching(/disk is full/)]));
      expect(refusals.length).toBeGreaterThan(10);
      expect(refusals.length).toBeLessThan(30);
      rmSync(join(directory, 'ballast'), { force: true });
      const sizes = files('.native').map((file) => statSync(join(directory, file)).size);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(acknowledged.length);
      // What the process that died left behind, and what it has in its own hands, is the same.
      expect((await takeAll(await reopened())).text).toBe(acknowledged);
    } finally {
      for (const spool of opened.splice(0)) await spool.close();
      execFileSync('umount', [directory]);
    }
  },
);

test('what was acknowledged before a write failed is loaded, even where the disk fails the repair as well', async () => {
  const spool = await openSpool({ writeRetryMs: 10 });
  await appendAll(spool, ['1', '2']);
  const handle = await open(directory);
  const fileMethods = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const failure = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
  vi.spyOn(fileMethods, 'datasync').mockRejectedValueOnce(failure);
  const truncate = vi.spyOn(fileMethods, 'truncate').mockRejectedValueOnce(failure).mockRejectedValueOnce(failure);
  expect(await spool.append(block('3'), 1)).toMatchObject({ kind: 'blocked' });
  expect(spool.status).toMatchObject({ backlogSegments: 1, backlogBytes: 6 });
  const segment = await spool.nextSealed(AbortSignal.timeout(240_000));
  expect(truncate.mock.calls.length).toBeGreaterThan(2);
  expect(readFileSync(segment?.path ?? '', 'latin1')).toBe('<1><2>');
  vi.restoreAllMocks();
  if (segment !== null) await spool.release(segment);
  expect(spool.status).toMatchObject({ backlogSegments: 0, backlogBytes: 0 });
});

test('a block that is found damaged when a write to its segment has failed is named', async () => {
  const lines: unknown[] = [];
  const registry = new Registry();
  const listening = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const spool = await openSpool({ writeRetryMs: 10 }, { log: listening, registry });
  await appendAll(spool, ['1', '2']);
  const name = basename(onlyFile('.native'), '.native');
  writeFileSync(onlyFile('.native'), '<1>x2>');
  const handle = await open(directory);
  const fileMethods = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  vi.spyOn(fileMethods, 'datasync').mockRejectedValueOnce(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }));
  expect(await spool.append(block('3'), 1)).toMatchObject({ kind: 'blocked' });
  vi.restoreAllMocks();
  expect(readFileSync(onlyFile('.native'), 'latin1')).toBe('<1>');
  expect(lines).toContainEqual(expect.objectContaining({ level: 50, segment: name, damagedBlocks: 1 }));
  expect(spool.status.quarantinedSegments).toEqual([`${name}.damaged`]);
  expect(await registry.metrics()).toContain('throughline_spool_damaged_blocks_total 1');
});

test.skipIf(!canMount)(
  'says when its oldest block came also while it gives up a segment that a write failed on',
  async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
    try {
      const spool = await openSpool({ writeRetryMs: 0, diskReserveBytes: 0 });
      const seconds = { first: 1, last: 1 };
      expect(await spool.append(block('1'), 1, { arrival: 1, seconds })).toEqual({ kind: 'durable' });
      fillDisk(join(directory, 'ballast'));
      const over = { is: false };
      const failing = spool
        .append(block('x'.repeat(9_000)), 1, { arrival: 2, seconds })
        .finally(() => (over.is = true));
      while (!over.is) {
        expect(spool.firstArrival).toBeLessThanOrEqual(1);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await failing).kind).toBe('blocked');
      expect(spool.firstArrival).toBeLessThanOrEqual(1);
      rmSync(join(directory, 'ballast'), { force: true });
    } finally {
      for (const spool of opened.splice(0)) await spool.close();
      execFileSync('umount', [directory]);
    }
  },
);

test('a backlog that is full is one line in the log, and its end another', async () => {
  const lines: string[] = [];
  const told = pino({ level: 'warn' }, { write: (line) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const limits = { segmentAgeMs: NEVER, segmentRowsMax: 1, backlogBytesMax: 10 };
  const spool = new Spool({ directory, log: told, registry: new Registry(), limits });
  await spool.open();
  for (let count = 0; count < 4; count++) await spool.append(Buffer.alloc(6), 1);
  const full: unknown = expect.stringMatching(/rejecting spans: .*backlog is full: 12 bytes /);
  expect(lines).toEqual([full]);
  const segment = await spool.nextSealed(new AbortController().signal);
  if (segment !== null) await spool.release(segment);
  expect(await spool.append(Buffer.alloc(6), 1)).toEqual({ kind: 'durable' });
  expect(lines.slice(1)).toEqual([expect.stringMatching(/^accepting spans again: .*caught up/), full]);
  await spool.close();
});

test('a loader that asks while the spool closes gets the last segment as well', async () => {
  const spool = await openSpool();
  await appendAll(spool, ['last']);
  const closing = spool.close();
  expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(1);
  await closing;
});
