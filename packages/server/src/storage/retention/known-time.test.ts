import { expect, it } from 'vitest';
import { KnownTime } from './known-time.ts';
import { DAY_MS, startOfDayMs } from '../utc-day.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = startOfDayMs('2026-11-10') + DAY_MS / 2;

/** A clock of which each part is set by the test. */
function aClock(): { wrongMs: number; elapsedMs: number; time: KnownTime } {
  const clock = { wrongMs: 0, elapsedMs: 0 };
  const now = (): number => NOON_MS + clock.wrongMs + clock.elapsedMs;
  const time = new KnownTime({ retentionDays: 30, now, elapsed: () => clock.elapsedMs });
  return Object.assign(clock, { time });
}

it('the present is what the clock says while nothing speaks against it', () => {
  const clock = aClock();
  // Spans of some minutes ahead are stored already.
  clock.time.noteStored(['2026-11-09', '2026-11-10', '2026-11-11']);
  clock.elapsedMs = 1_000;
  expect(clock.time.present).toEqual({ earliestMs: NOON_MS + 1_000, latestMs: NOON_MS + 1_000 });
  expect(clock.time.doubt).toBe(null);
});

it('a clock that jumps is not believed alone for a day', () => {
  const clock = aClock();
  clock.wrongMs = 40 * DAY_MS;
  expect(clock.time.present).toEqual({ earliestMs: NOON_MS, latestMs: NOON_MS + 40 * DAY_MS });
  clock.wrongMs = -40 * DAY_MS;
  expect(clock.time.present).toEqual({ earliestMs: NOON_MS - 40 * DAY_MS, latestMs: NOON_MS });
  clock.elapsedMs = DAY_MS - 1;
  expect(clock.time.present.latestMs).toBe(NOON_MS + DAY_MS - 1);
  clock.elapsedMs = DAY_MS;
  expect(clock.time.present).toEqual({ earliestMs: NOON_MS - 39 * DAY_MS, latestMs: NOON_MS - 39 * DAY_MS });
});

it('a clock that was ahead at the start is measured by the spans that are stored', () => {
  const clock = aClock();
  clock.time.noteStored(['2026-10-01']);
  // Noon of the 10th is the wrong time here; the spans of the 1st of October are of the present.
  expect(clock.time.present).toEqual({ earliestMs: startOfDayMs('2026-10-02'), latestMs: NOON_MS });
  expect(clock.time.doubt).toBe(null);
});

it('a clock that was behind at the start as well, and that is said', () => {
  const clock = aClock();
  clock.time.noteStored(['2026-11-10', '2026-12-20']);
  const { earliestMs, latestMs } = clock.time.present;
  expect([earliestMs, latestMs]).toEqual([NOON_MS, startOfDayMs('2026-12-21') + 30 * DAY_MS]);
  expect(clock.time.doubt).toMatch(/2026-12-20, .*clock .*2026-11-10T12:00:00\.000Z: .*up to 2027-01-20 /);
  clock.wrongMs = 40 * DAY_MS - HOUR_MS;
  clock.elapsedMs = HOUR_MS;
  expect(clock.time.doubt).toBe(null);
});

it('a clock that has gone back over a stop is as one that jumps, and that is said', () => {
  const hoursBehind = (hours: number, elapsedMs = 0): KnownTime => {
    let passedMs = 0;
    const now = (): number => NOON_MS + passedMs;
    const lastArrivalMs = NOON_MS + hours * HOUR_MS;
    const time = new KnownTime({ retentionDays: 30, lastArrivalMs, now, elapsed: () => passedMs });
    passedMs = elapsedMs;
    return time;
  };
  const behind = hoursBehind(26, HOUR_MS);
  // The newest stored day is not far enough ahead to tell.
  behind.noteStored(['2026-11-11']);
  expect(behind.present).toEqual({ earliestMs: NOON_MS + HOUR_MS, latestMs: NOON_MS + 27 * HOUR_MS });
  expect(behind.doubt).toMatch(
    /up to 2026-11-11T14:00:00\.000Z, .*clock .*2026-11-10T13:00:00\.000Z: .*up to 2026-11-11 /,
  );
  // The clock is right again, or it was wrong before.
  expect(hoursBehind(26, 26 * HOUR_MS).doubt).toBe(null);
  for (const hours of [0.9, 31 * 24]) {
    const time = hoursBehind(hours);
    expect([time.present.latestMs, time.doubt]).toEqual([NOON_MS, null]);
  }
});

it('a clock that says a time before this program was made is wrong, whatever is stored', () => {
  const time = new KnownTime({ retentionDays: 30, now: () => 86_400_000, elapsed: () => 0 });
  expect(time.present.latestMs).toBeGreaterThan(Date.parse('2100-01-01'));
  expect(time.doubt).toMatch(/clock .*1970-01-02T00:00:00\.000Z, .*built: /);
});

it('a doubt is written as in clock-doubts.golden.txt', async () => {
  const ahead = aClock();
  ahead.time.noteStored(['2026-11-10', '2026-12-20']);
  const lastArrivalMs = NOON_MS + 26 * HOUR_MS;
  const behind = new KnownTime({ retentionDays: 30, lastArrivalMs, now: () => NOON_MS, elapsed: () => HOUR_MS });
  behind.noteStored(['2026-11-11']);
  const impossible = new KnownTime({ retentionDays: 30, now: () => DAY_MS, elapsed: () => 0 });
  const doubts = [ahead.time, behind, impossible].map(({ doubt }) => doubt);
  await expect(`${doubts.join('\n')}\n`).toMatchFileSnapshot('clock-doubts.golden.txt');
});
