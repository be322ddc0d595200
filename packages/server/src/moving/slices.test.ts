import { assert, integer, nat, property, record, uniqueArray } from 'fast-check';
import { expect, test } from 'vitest';
import { halvesOf, nameOf, slicesOf, whereOf, type SecondOfSpans, type Slice } from './slices.ts';

const DAY = '2026-11-30';
const BEGIN = Date.parse(`${DAY}T00:00:00Z`) / 1_000;

const days = uniqueArray(record({ at: nat(86_399), spans: integer({ min: 1, max: 300 }) }), {
  selector: ({ at }) => at,
  maxLength: 60,
}).map((seconds) =>
  seconds
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, spans }): SecondOfSpans => ({ second: BEGIN + at, spans, digest: BigInt(spans) << 60n })),
);

function within({ from, seconds }: Slice, all: readonly SecondOfSpans[]): SecondOfSpans[] {
  return all.filter(({ second }) => second >= from && second < from + seconds);
}

test('every span of a day is in one slice, and none has more than it may', () => {
  assert(
    property(days, integer({ min: 1, max: 200 }), (seconds, spansMax) => {
      const slices = [...slicesOf(DAY, seconds, spansMax)];
      const whole = slices.filter(({ part }) => part === 0);
      expect(whole.flatMap((slice) => within(slice, seconds))).toEqual(seconds);
      expect(slices.reduce((sum, { spans }) => sum + spans, 0)).toBe(
        seconds.reduce((sum, { spans }) => sum + spans, 0),
      );
      for (const { spans } of slices) expect(spans).toBeLessThanOrEqual(spansMax);
      expect(new Set(slices.map(nameOf)).size).toBe(slices.length);
    }),
  );
});

test('a slice stays the same while the spans in its seconds do, whatever comes elsewhere', () => {
  const [early, late] = [
    { second: BEGIN + 10, spans: 90, digest: 1n },
    { second: BEGIN + 70_000, spans: 90, digest: 2n },
  ];
  const first = [...slicesOf(DAY, [early, late], 100)].map(nameOf);
  const more = { second: BEGIN + 70_001, spans: 90, digest: 3n };
  const second = [...slicesOf(DAY, [early, late, more], 100)].map(nameOf);
  expect(second).toContain(first[0]);
  expect(second).toHaveLength(3);
});

test('the parts of a second divide its spans by their ids, and the halves of a slice are the slice', () => {
  const slice: Slice = { from: BEGIN + 5, seconds: 1, part: 1, parts: 2 };
  const [first, second] = halvesOf(slice) ?? [];
  const ids = Array.from({ length: 64 }, (_, id) => id);
  const of = ({ part, parts }: Slice): number[] => ids.filter((id) => id % parts === part);
  expect([...of(first as Slice), ...of(second as Slice)].toSorted((a, b) => a - b)).toEqual(of(slice));
  expect(halvesOf({ ...slice, parts: 32_768 })).toBeNull();
  const [before, behind] = halvesOf({ from: BEGIN, seconds: 2, part: 0, parts: 1 }) ?? [];
  expect([before?.from, behind?.from]).toEqual([BEGIN, BEGIN + 1]);
});

test('a slice ends with its day', () => {
  const [whole] = slicesOf(DAY, [{ second: BEGIN + 86_399, spans: 1, digest: 1n }], 100);
  expect(whereOf(whole as Slice)).toContain(`toDateTime(${BEGIN + 86_399})`);
  expect(whereOf(whole as Slice)).not.toContain(String(BEGIN + 86_400));
});
