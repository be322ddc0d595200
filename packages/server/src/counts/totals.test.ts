import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountedMinutes, type CountedRow } from './counted-minutes.ts';
import { COUNTS_LIMITS } from './limits.ts';
import type { CountsMessage, Total } from '../exchange/exchange-message.ts';
import { Totals, type CountsRecord } from './totals.ts';

const aTotal = (given: Partial<Total> = {}): Total => ({
  startName: 'GET',
  name: 'GET /',
  kind: 1,
  status: 0,
  requests: 6,
  durationSumNs: 600,
  offset: 160,
  counts: [1, 2, 3],
  ...given,
});

const aMessage = (totals: readonly Total[], given: Partial<CountsMessage> = {}): CountsMessage => ({
  service: 'shop',
  instance: 'i1',
  windowMs: 5_000,
  totals,
  ...given,
});

const recordOf = (totals: Totals, message: CountsMessage, nowMs = 60_000, isCounted = true): CountsRecord | null => {
  const advance = totals.advance(message, nowMs, isCounted);
  if (advance.kind === 'rejected') throw new Error(advance.message);
  return advance.record;
};

const saved = (totals: Totals): string => [...totals.save()].join('');

function countedMinutes(
  records: Iterable<CountsRecord>,
  nameOf: (service: string, operation: string) => readonly [service: string, operation: string | null],
): CountedRow[] {
  const minutes = new CountedMinutes(nameOf);
  for (const record of records) minutes.add(record);
  return minutes.parts.flatMap(({ table, rows }) => (table === 'counted_1m' ? [...rows.values()] : []));
}

const same = (service: string, operation: string) => [service, operation] as const;

describe('totals', () => {
  it('count the first message whole, what came since for each further one, and nothing for a repeat', () => {
    const totals = new Totals(COUNTS_LIMITS);
    expect(recordOf(totals, aMessage([aTotal()]))?.added).toEqual([aTotal()]);
    expect(recordOf(totals, aMessage([aTotal()]))).toBeNull();
    const more = aTotal({ requests: 9, durationSumNs: 1_000, offset: 159, counts: [1, 1, 2, 5] });
    expect(recordOf(totals, aMessage([more]))?.added).toEqual([
      aTotal({ requests: 3, durationSumNs: 400, offset: 159, counts: [1, 0, 0, 2] }),
    ]);
    // A process that starts again has another name.
    expect(recordOf(totals, aMessage([aTotal()], { instance: 'i2' }))?.added).toEqual([aTotal()]);
  });

  it.each([
    [aTotal({ requests: 5, counts: [1, 2, 2] })],
    [aTotal({ durationSumNs: 599 })],
    [aTotal({ requests: 6, counts: [2, 1, 3] })],
    [aTotal({ requests: 6, offset: 161, counts: [3, 3] })],
  ])('reject what contradicts an earlier message: %j', (total) => {
    const totals = new Totals(COUNTS_LIMITS);
    recordOf(totals, aMessage([aTotal()]));
    const before = saved(totals);
    expect(totals.advance(aMessage([aTotal({ name: 'new' }), total]), 60_000, true)).toMatchObject({
      kind: 'rejected',
      message: expect.stringMatching(/"GET \/" .*less than/) as string,
    });
    expect(saved(totals)).toBe(before);
    // Handed on by another collector it may just be late.
    expect(recordOf(totals, aMessage([total]), 60_000, false)).toBeNull();
  });

  it('take what comes for counted since the last message, be it one without news', () => {
    const totals = new Totals(COUNTS_LIMITS);
    expect(recordOf(totals, aMessage([aTotal()]), 100_000)).toMatchObject({ fromMs: 95_000, toMs: 100_000 });
    recordOf(totals, aMessage([]), 160_000);
    const more = aTotal({ requests: 7, durationSumNs: 700, counts: [1, 2, 4] });
    const record = recordOf(totals, aMessage([more]), 165_000);
    expect(record).toMatchObject({ fromMs: 160_000, toMs: 165_000 });
    // One that could not be made durable was none.
    if (record !== null) totals.undo(record);
    expect(recordOf(totals, aMessage([more]), 170_000)).toMatchObject({ fromMs: 160_000, toMs: 170_000 });
  });

  it('know when each process reported, and how seldom it does, over a restart too', () => {
    const totals = new Totals(COUNTS_LIMITS);
    const heard = (): unknown =>
      [...totals.heard()].map(({ toldMs, heardMs, windowMs }) => [toldMs, heardMs, windowMs]);
    recordOf(totals, aMessage([aTotal()], { windowMs: 1_000 }), 100_000);
    expect(heard()).toEqual([[100_000, 100_000, 1_000]]);
    recordOf(totals, aMessage([], { windowMs: 60_000 }), 160_000);
    // A message that comes early makes nobody believe that all will.
    recordOf(totals, aMessage([], { windowMs: 1_000 }), 161_000);
    expect(heard()).toEqual([[161_000, 161_000, 48_000]]);
    // The first message of all comes soon.
    const slow = new Totals(COUNTS_LIMITS);
    recordOf(slow, aMessage([aTotal()], { windowMs: 120_000, uptimeMs: 120_000 }), 120_000);
    expect([...slow.heard()]).toMatchObject([{ windowMs: 600_000 }]);
    const restored = new Totals(COUNTS_LIMITS);
    restored.restore(saved(totals));
    expect([...restored.heard()]).toMatchObject([{ service: 'shop', toldMs: 161_000, windowMs: 48_000 }]);
    // One that could not be made durable was heard, and has told nothing.
    const more = aTotal({ requests: 7, durationSumNs: 700, counts: [1, 2, 4] });
    const record = recordOf(totals, aMessage([more]), 166_000);
    if (record !== null) totals.undo(record);
    expect(heard()).toEqual([[161_000, 166_000, 38_400]]);
  });

  it('count a process from now on that has run for long before it is heard of', () => {
    const totals = new Totals(COUNTS_LIMITS);
    const old = aMessage([aTotal()], { uptimeMs: 3_600_001 });
    expect(recordOf(totals, old, 1e7)).toMatchObject({ isCounted: false });
    const more = aTotal({ requests: 7, durationSumNs: 700, counts: [1, 2, 4] });
    expect(recordOf(totals, aMessage([more], { uptimeMs: 3_605_001 }), 1e7 + 5_000)).toMatchObject({
      isCounted: true,
      fromMs: 1e7,
      added: [{ requests: 1 }],
    });
    // One that is younger began to count then.
    const young = aMessage([aTotal()], { instance: 'i2', uptimeMs: 600_000 });
    expect(recordOf(totals, young, 1e7)).toMatchObject({ isCounted: true, fromMs: 1e7 - 600_000 });
  });

  it('count a request once among collectors that hand messages on to each other', () => {
    const collectors = [new Totals(COUNTS_LIMITS), new Totals(COUNTS_LIMITS)];
    let requests = 0;
    const counted = Array.from({ length: 10 }, (_, index) => {
      requests += index * 3 + 1;
      const message = aMessage([aTotal({ requests, durationSumNs: requests, counts: [requests] })]);
      // Each message goes to either of them, which hands it on.
      const records = collectors.map((totals, which) =>
        recordOf(totals, message, index * 1_000, which === (index >> 1) % 2),
      );
      const own = records.filter((record) => record?.isCounted === true);
      expect(own).toHaveLength(1);
      return own.flatMap((record) => record?.added ?? []).reduce((sum, total) => sum + total.requests, 0);
    });
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(requests);
  });

  it('make room for new processes by those that have been silent for an hour', () => {
    const totals = new Totals({ ...COUNTS_LIMITS, processesMax: 2 });
    recordOf(totals, aMessage([aTotal()], { instance: 'i1' }), 0);
    recordOf(totals, aMessage([aTotal()], { instance: 'i2' }), 3_000_000);
    const next = aMessage([aTotal()], { instance: 'i3' });
    expect(totals.advance(next, 3_600_000, true)).toMatchObject({ record: null, deferred: 1, limit: 'processesMax' });
    expect(totals.advance(next, 3_620_000, true)).toMatchObject({ record: { instance: 'i3' }, deferred: 0 });
    expect(totals.processes).toBe(2);
  });

  it('leave out what is beyond their limits, whole', () => {
    const totals = new Totals({ ...COUNTS_LIMITS, totalsMax: 2, processesMax: 1 });
    const three = ['a', 'b', 'c'].map((name) => aTotal({ name }));
    expect(totals.advance(aMessage(three), 0, true)).toMatchObject({ deferred: 1, limit: 'totalsMax' });
    expect(totals.advance(aMessage(three, { instance: 'i2' }), 0, true)).toMatchObject({
      record: null,
      deferred: 3,
      limit: 'processesMax',
    });
    expect([totals.size, totals.processes]).toEqual([2, 1]);
    totals.forget(COUNTS_LIMITS.processLiveMs + 1);
    expect([totals.size, totals.processes]).toEqual([0, 0]);
  });

  it('come to the same sums whatever is lost, repeated, taken back or restarted', () => {
    // What a process had counted at each of its messages, and what becomes of the message.
    const step = fc.record({
      added: fc.array(
        fc.record({ name: fc.constantFrom('a', 'b'), bucket: fc.nat(5), requests: fc.integer({ min: 1, max: 9 }) }),
      ),
      fate: fc.constantFrom('taken', 'taken', 'lost', 'repeated', 'not durable', 'restarted', 'restarted from records'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let totals = new Totals(COUNTS_LIMITS);
        let text: string | null = null;
        const records: CountsRecord[] = [];
        const truth = new Map<string, number[]>();
        const messageOf = (): CountsMessage =>
          aMessage(
            [...truth].map(([name, counts]) => {
              const requests = counts.reduce((sum, count) => sum + count, 0);
              return aTotal({ name, counts: [...counts], requests, durationSumNs: requests * 100 });
            }),
          );
        const take = (): void => {
          const record = recordOf(totals, messageOf());
          if (record !== null) records.push(record);
        };
        for (const { added, fate } of steps) {
          for (const { name, bucket, requests } of added) {
            const counts = truth.get(name) ?? [0, 0, 0, 0, 0, 0];
            counts[bucket] = (counts[bucket] ?? 0) + requests;
            truth.set(name, counts);
          }
          if (fate === 'not durable') {
            const record = recordOf(totals, messageOf());
            if (record !== null) totals.undo(record);
          } else if (fate !== 'lost') take();
          if (fate === 'repeated') take();
          if (fate.startsWith('restarted')) {
            if (fate === 'restarted') text = saved(totals);
            totals = new Totals(COUNTS_LIMITS);
            const known = text === null ? 0 : totals.restore(text);
            for (const record of records) if (record.number > known) totals.apply(record);
          }
        }
        take();
        const counted = countedMinutes(records, same);
        for (const [name, counts] of truth) {
          for (const [bucket, count] of counts.entries()) {
            const rows = counted.filter((row) => row.operation === name && row.bucket === 160 + bucket);
            expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(count);
          }
        }
      }),
    );
  });
});

/** What is known of each total of each process, and nothing else. */
function knownOf(text: string): Map<string, Map<string, unknown>> {
  const known = new Map<string, Map<string, unknown>>();
  let totals = new Map<string, unknown>();
  for (const line of text.trim().split('\n').slice(1, -1)) {
    const entry = JSON.parse(line) as { key: string } | [string, number, number, number, number[], number[]];
    if ('key' in entry) known.set(entry.key, (totals = new Map<string, unknown>()));
    else {
      const [key, , requests, durationSumNs, buckets, counts] = entry;
      const byBucket = buckets.map((bucket, index) => [bucket, counts[index]]);
      totals.set(key, [requests, durationSumNs, byBucket.toSorted(([a = 0], [b = 0]) => a - b)]);
    }
  }
  return known;
}

/** All that the first one knows the second one knows as well. */
function expectKnown(totals: Totals, restored: Totals): void {
  const [expected, found] = [knownOf(saved(totals)), knownOf(saved(restored))];
  for (const [key, process] of expected) expect([key, found.get(key)]).toEqual([key, process]);
  expect(restored.size).toBe([...found.values()].reduce((sum, { size }) => sum + size, 0));
}

describe('totals that are saved', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('tell' as const), process: fc.nat(3), name: fc.nat(4) }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('fail' as const), process: fc.nat(3), name: fc.nat(4) }) },
    { weight: 12, arbitrary: fc.record({ what: fc.constant('piece' as const) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('forget' as const), process: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('restart' as const), again: fc.nat(5) }) },
  );

  it('are the same again with the records since, whatever went on while they were saved', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }), (steps) => {
        let totals = new Totals(COUNTS_LIMITS);
        let nowMs = 60_000;
        /** Noted since the last totals that are whole were begun; and all of them. */
        let journal: CountsRecord[] = [];
        const records: CountsRecord[] = [];
        let text: string | null = null;
        let saving: { pieces: Generator<string, void>; text: string; journalled: number } | null = null;
        const told = new Map<string, number>();
        for (const each of steps) {
          nowMs += 1_000;
          switch (each.what) {
            case 'tell':
            case 'fail': {
              const instance = `i${each.process}`;
              const requests = (told.get(`${instance} ${each.name}`) ?? 0) + 1 + each.name;
              const total = aTotal({
                name: `op ${each.name}`,
                requests,
                durationSumNs: requests * 10,
                counts: [requests],
              });
              const message = aMessage([total], { instance });
              const record = recordOf(totals, message, nowMs);
              if (record === null) throw new Error('it tells nothing new');
              if (recordOf(totals, message, nowMs) !== null) throw new Error('a repeat adds something');
              if (each.what === 'fail') totals.undo(record);
              else {
                told.set(`${instance} ${each.name}`, requests);
                records.push(record);
                journal.push(record);
              }
              break;
            }
            case 'forget': {
              // Everybody else has told a moment before.
              for (let other = 0; other < 4; other++) {
                if (other !== each.process) recordOf(totals, aMessage([], { instance: `i${other}` }), nowMs + 10_000);
              }
              totals.forget(nowMs + 10_000, 5_000);
              nowMs += 10_000;
              break;
            }
            case 'piece': {
              saving ??= { pieces: totals.save(1), text: '', journalled: journal.length };
              const piece = saving.pieces.next();
              if (piece.done !== true) saving.text += piece.value;
              else {
                text = saving.text;
                journal = journal.slice(saving.journalled);
                saving = null;
              }
              break;
            }
            default: {
              const restored = new Totals(COUNTS_LIMITS);
              const known = text === null ? 0 : restored.restore(text);
              // Some are in the journal and in the spool.
              const since = text === null ? records : journal;
              for (const record of [...since, ...since.slice(-each.again)])
                if (record.number > known) restored.apply(record);
              expectKnown(totals, restored);
              saving = null;
              // What it still knows of processes that were forgotten is no worse.
              totals = restored;
            }
          }
        }
      }),
    );
  });

  it('do not hold a record that was taken back, nor its number', () => {
    const totals = new Totals(COUNTS_LIMITS);
    recordOf(totals, aMessage([aTotal({ name: 'a' }), aTotal({ name: 'b' })]));
    const pieces = totals.save(1);
    let text = pieces.next().value ?? '';
    const more = aTotal({ name: 'b', requests: 7, durationSumNs: 700, counts: [1, 2, 4] });
    const failed = recordOf(totals, aMessage([more]));
    if (failed !== null) totals.undo(failed);
    for (const piece of pieces) text += piece;
    const restored = new Totals(COUNTS_LIMITS);
    expect(restored.restore(text)).toBe(1);
    // The number is free again, and the record with it counts.
    expect(recordOf(restored, aMessage([more]))).toMatchObject({ number: 2, added: [{ requests: 1 }] });
    expect(recordOf(restored, aMessage([more]))).toBeNull();
  });

  it('are made in pieces of bounded work, one total and more at a time', () => {
    const totals = new Totals(COUNTS_LIMITS);
    for (let process = 0; process < 30; process++) {
      const told = Array.from({ length: 100 }, (_, index) => aTotal({ name: `GET /${index}` }));
      recordOf(totals, aMessage(told, { instance: `i${process}` }));
    }
    const pieces = [...totals.save(1_000)];
    const lines = pieces.map((piece) => piece.split('\n').length - 1);
    // 16 for a line and 1 for each of its 3 buckets.
    expect(Math.max(...lines)).toBeLessThanOrEqual(1_000 / 16 + 3);
    expect(lines.reduce((sum, count) => sum + count, 0)).toBe(1 + 30 + 3_000 + 1);
  });

  it('are read as older collectors have written them', () => {
    const before = {
      version: 1,
      lastNumber: 7,
      processes: [['["shop","i1"]', 55_000, [['[1,0,"GET","GET /"]', 6, 600, [160, 161, 162], [1, 2, 3]]], 5_000]],
    };
    const totals = new Totals(COUNTS_LIMITS);
    expect(totals.restore(JSON.stringify(before))).toBe(7);
    expect(recordOf(totals, aMessage([aTotal()]))).toBeNull();
    const more = aTotal({ requests: 7, durationSumNs: 700, counts: [1, 2, 4] });
    expect(recordOf(totals, aMessage([more]))).toMatchObject({ number: 8, added: [{ requests: 1, counts: [1] }] });
  });

  it.each(['', '{"version":99}', '{"version":2,"lastNumber":1}\n', 'no JSON'])('are refused: %j', (text) => {
    expect(() => new Totals(COUNTS_LIMITS).restore(text)).toThrow(Error);
  });

  it('are rejected where lines are missing', () => {
    const totals = new Totals(COUNTS_LIMITS);
    recordOf(totals, aMessage([aTotal(), aTotal({ name: 'GET /cart' })]));
    const lines = saved(totals).split('\n');
    expect(lines).toHaveLength(6);
    expect(() => new Totals(COUNTS_LIMITS).restore(lines.toSpliced(2, 1).join('\n'))).toThrow('3 of 4 lines');
    expect(() => new Totals(COUNTS_LIMITS).restore(lines.slice(0, 3).join('\n'))).toThrow(Error);
  });
});

const aRecord = (given: Partial<CountsRecord> = {}): CountsRecord => ({
  number: 1,
  service: 'shop',
  instance: 'i1',
  fromMs: 60_000,
  toMs: 65_000,
  isCounted: true,
  added: [aTotal()],
  ...given,
});

describe('countedMinutes', () => {
  it('sums processes up, leaves out what other collectors count, and names operations as it is told', () => {
    const rows = countedMinutes([aRecord(), aRecord({ instance: 'i2' }), aRecord({ isCounted: false })], (service) => [
      service,
      null,
    ]);
    expect(rows.map(({ time, operation, bucket, requests }) => [time, operation, bucket, requests])).toEqual([
      [60, null, 160, 2],
      [60, null, 161, 4],
      [60, null, 162, 6],
    ]);
    expect(rows.reduce((sum, { durationSumNs }) => sum + durationSumNs, 0)).toBeCloseTo(1_200, 6);
  });

  it('splits what lies on both sides of a minute by time, each request to one of them, fast and slow alike', () => {
    const counts = Array.from({ length: 100 }, () => 1);
    const rows = countedMinutes(
      [aRecord({ fromMs: 117_000, toMs: 122_000, added: [aTotal({ requests: 100, counts })] })],
      same,
    );
    const before = rows.filter(({ time }) => time === 60);
    expect(before).toHaveLength(60);
    expect(rows).toHaveLength(100);
    const meanBucket = before.reduce((sum, { bucket }) => sum + bucket, 0) / 60 - 160;
    expect(meanBucket).toBeGreaterThan(45);
    expect(meanBucket).toBeLessThan(55);
  });

  it('loses no request whatever the times are', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.nat(3_600_000),
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 }),
        (fromMs, windowMs, counts) => {
          const requests = counts.reduce((sum, count) => sum + count, 0);
          const rows = countedMinutes(
            [aRecord({ fromMs, toMs: fromMs + windowMs, added: [aTotal({ requests, counts })] })],
            same,
          );
          expect(rows.reduce((sum, row) => sum + row.requests, 0)).toBe(requests);
          for (const row of rows) {
            expect(Number.isInteger(row.requests) && row.requests > 0).toBe(true);
            expect(row.time * 1_000).toBeGreaterThan(fromMs - 60_000);
            expect(row.time * 1_000).toBeLessThanOrEqual(fromMs + windowMs);
          }
        },
      ),
    );
  });
});
