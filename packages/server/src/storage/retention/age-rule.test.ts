import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { AgeRule } from './age-rule.ts';
import { RETENTION_LIMITS } from './retention-limits.ts';
import { DAY_MS, dayOf, startOfDayMs } from '../utc-day.ts';

const HOUR_MS = 3_600_000;
const TODAY = '2026-11-10';
const NOON_MS = startOfDayMs(TODAY) + DAY_MS / 2;

/** The days so many days after today. */
function daysAt(...offsets: readonly number[]): string[] {
  return offsets.map((offset) => dayOf(NOON_MS + offset * DAY_MS));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function ruleOf(retentionDays = 30): AgeRule {
  return new AgeRule({ ...RETENTION_LIMITS, retentionDays });
}

function stored(...offsets: readonly number[]): { all: string[]; ofSpans: string[] } {
  return { all: daysAt(...offsets), ofSpans: daysAt(...offsets) };
}

const at = (offsetMs: number, elapsedMs = 0): { nowMs: number; elapsedMs: number } => ({
  nowMs: NOON_MS + offsetMs,
  elapsedMs,
});

it('a day is due when every moment of it is longer ago than the retention', () => {
  expect(ruleOf(7).look(stored(...range(-8, 0)), at(0)).due).toEqual(daysAt(-8));
});

it('a clock that is ahead when the collector starts makes nothing old', () => {
  const rule = ruleOf();
  for (const hours of range(0, 100)) {
    const { due, held } = rule.look(stored(...range(-30, 0)), at(40 * DAY_MS + hours * HOUR_MS, hours * HOUR_MS));
    expect([due, held]).toEqual([[], []]);
  }
});

it('a clock that is behind makes nothing old, and neither do days that it takes for the future', () => {
  const { due, held } = ruleOf().look(stored(...range(-30, 0)), at(-40 * DAY_MS));
  expect([due, held]).toEqual([[], []]);
});

it('spans that came with a clock ahead do not make the others old once it is right', () => {
  const { due, held } = ruleOf().look(stored(...range(-30, 0), 40), at(0));
  expect([due, held]).toEqual([[], []]);
});

it('what would take half of the store, or many days, waits until the clock has said so for an hour', () => {
  for (const days of [stored(-33, 0), stored(...range(-40, 0))]) {
    const old = days.all.filter((day) => day < (daysAt(-30)[0] ?? ''));
    const rule = ruleOf();
    expect(rule.look(days, at(0))).toMatchObject({ due: [], held: old, heldMs: HOUR_MS });
    expect(rule.look(days, at(HOUR_MS - 1, HOUR_MS - 1))).toMatchObject({ due: [], held: old, heldMs: 1 });
    expect(rule.look(days, at(HOUR_MS, HOUR_MS))).toMatchObject({ due: old, held: [] });
  }
});

it.each([
  ['one day', [22]],
  ['two days, as around midnight', [22, 23]],
])(
  '%s of spans far behind all others, which a wrong clock at the start agrees with, drop nothing at once',
  (_, ahead) => {
    const last = ahead.at(-1) ?? 0;
    const old = daysAt(...range(-10, last - 31));
    expect(old.length).toBeLessThanOrEqual(RETENTION_LIMITS.daysAtOnceMax);
    const days = stored(...range(-10, 0), ...ahead);
    const clock = (elapsedMs: number) => at(last * DAY_MS + elapsedMs, elapsedMs);
    // Each process waits for itself: the clock may be set before the next one starts.
    for (let starts = 0; starts < 2; starts++) {
      const rule = ruleOf();
      expect(rule.look(days, clock(1_000))).toMatchObject({ due: [], held: old });
      expect(rule.look(days, clock(HOUR_MS))).toMatchObject({ due: [], held: old });
      expect(rule.look(days, clock(HOUR_MS + 1_000))).toMatchObject({ due: old, held: [] });
    }
    // Set right within the hour, it has made nothing old.
    const rule = ruleOf();
    rule.look(days, clock(1_000));
    expect(rule.look(days, at(0, 2_000))).toMatchObject({ due: [], held: [] });
  },
);

it('spans of three days behind a gap are no surprise: what is too old goes at once', () => {
  const days = stored(...range(-33, -10), -2, -1, 0);
  expect(ruleOf().look(days, at(0)).due).toEqual(daysAt(-33, -32, -31));
});

it('the hour begins anew when the clock is right in between', () => {
  const rule = ruleOf();
  const days = stored(...range(-30, 0), 40);
  expect(rule.look(days, at(40 * DAY_MS)).held).toEqual(daysAt(...range(-30, 0)));
  expect(rule.look(days, at(HOUR_MS / 2, HOUR_MS / 2))).toMatchObject({ due: [], held: [], jumpMs: -40 * DAY_MS });
  const { due, held } = rule.look(days, at(40 * DAY_MS + HOUR_MS, HOUR_MS));
  expect([due, held]).toEqual([[], daysAt(...range(-30, 0))]);
});

it('after a jump one day waits as well, also where the jump came in many small steps', () => {
  const rule = ruleOf();
  const days = stored(...range(-30, 1));
  expect(rule.look(days, at(0)).due).toEqual([]);
  for (let minutes = 1; minutes <= 50; minutes++) {
    const { due } = rule.look(days, at(minutes * (DAY_MS / 50), minutes * 60_000));
    expect(due).toEqual([]);
  }
});

it('counts of requests, whose time is the clock, make no newest day where there are spans', () => {
  const days = { all: daysAt(...range(-30, 0), 40), ofSpans: daysAt(...range(-30, 0)) };
  expect(ruleOf().look(days, at(40 * DAY_MS))).toMatchObject({ due: [], held: [] });
  expect(ruleOf(7).look({ all: daysAt(...range(-8, 0)), ofSpans: [] }, at(0)).due).toEqual(daysAt(-8));
});

/** What passes between two right looks: time, and a few looks with a wrong clock. */
const step = fc.record({
  minutes: fc.integer({ min: 1, max: 3_000 }),
  wrongMs: fc.oneof(
    fc.integer({ min: -100, max: 100 }).map((days) => days * DAY_MS),
    fc.integer({ min: -DAY_MS, max: DAY_MS }),
  ),
  looks: fc.integer({ min: 0, max: 3 }),
});

/**
 * `everybody`: the clock of senders and collector is wrong while the collector runs, for less than an hour at a time.
 * `alone`: that of the collector, from its start on and for as long as it likes.
 */
const whose = fc.constantFrom('everybody' as const, 'alone' as const);

it('no day younger than the retention is dropped, whatever a clock says that is wrong alone, or right again within the hour', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      whose,
      fc.array(step, { maxLength: 60 }),
      (retentionDays, who, steps) => {
        const days = new Set(daysAt(...range(-retentionDays, 0)));
        let rule = ruleOf(retentionDays);
        let trueMs = NOON_MS;
        const look = (nowMs: number, spansMs: number): void => {
          days.add(dayOf(spansMs));
          const all = [...days].toSorted();
          const { due } = rule.look({ all, ofSpans: all }, { nowMs, elapsedMs: trueMs - NOON_MS });
          for (const day of due) {
            // Less than an hour is no jump.
            expect(startOfDayMs(day) + DAY_MS).toBeLessThanOrEqual(trueMs - retentionDays * DAY_MS + HOUR_MS);
            days.delete(day);
          }
          expect(days.size).toBeGreaterThan(0);
        };
        for (const { minutes, wrongMs, looks } of steps) {
          trueMs += minutes * 60_000;
          look(trueMs, trueMs);
          if (who === 'alone') rule = ruleOf(retentionDays);
          for (let index = 0; index < looks; index++) {
            trueMs += who === 'alone' ? HOUR_MS : 19 * 60_000;
            look(trueMs + wrongMs, who === 'alone' ? trueMs : trueMs + wrongMs);
          }
          if (who === 'alone') rule = ruleOf(retentionDays);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it('a clock that is right drops every day that is too old, within an hour', () => {
  const offsets = fc.uniqueArray(fc.integer({ min: -100, max: -1 }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), offsets, (retentionDays, before) => {
      const rule = ruleOf(retentionDays);
      const { all } = stored(...before.toSorted((a, b) => a - b), 0, 1);
      const { due } = rule.look({ all, ofSpans: all }, at(0));
      const left = all.filter((day) => !due.includes(day));
      const later = rule.look({ all: left, ofSpans: left }, at(HOUR_MS, HOUR_MS)).due;
      const tooOld = daysAt(-retentionDays)[0] ?? '';
      expect([...due, ...later]).toEqual(all.filter((day) => day < tooOld));
    }),
  );
});
