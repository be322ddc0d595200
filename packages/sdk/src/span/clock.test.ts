import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newRecorded, START_UNIX_MS, TEST_SCOPE } from '../test-support/recorded.ts';
import type { TimeAnchor } from './clock.ts';
import type { RecordingSpan } from './recording-span.ts';
import type { Span } from './span.ts';
import type { ReadSpan } from '../test-support/otlp-reader.ts';

const HOUR_MS = 3_600_000;
const [start, end] = ['startTimeUnixNano', 'endTimeUnixNano'] as const;
/** Milliseconds since the clock's zero, to the millisecond. */
const msOf = (unixNano: bigint): number => Math.round(Number(unixNano - BigInt(START_UNIX_MS) * 1_000_000n) / 1e6);

function newTimed(): {
  clock: ReturnType<typeof newRecorded>['clock'];
  begin: (name: string, parent?: Span) => Span;
  times: () => Record<string, [startMs: number, endMs: number]>;
  read: () => ReadSpan[];
} {
  const { recorder, clock, read } = newRecorded();
  const begin = (name: string, parent?: Span): Span =>
    recorder.start(TEST_SCOPE, name, parent as never, undefined, undefined);
  const times = (): Record<string, [number, number]> =>
    Object.fromEntries(read().map((span) => [span.name, [msOf(span[start]), msOf(span[end])]]));
  return { clock, begin, times, read };
}

/** How many anchors a span's trace keeps from being collected. */
function anchorsHeldBy(span: Span): number {
  const held = new Set<TimeAnchor>();
  const visit = (anchor: TimeAnchor | undefined): void => {
    if (anchor === undefined || held.has(anchor)) return;
    held.add(anchor);
    for (const each of anchor.earlier) visit(each);
  };
  visit((span as RecordingSpan).trace.anchor);
  return held.size;
}

describe('a machine that has slept', () => {
  it('times what begins and ends from then on by the wall clock, below what had begun before too', () => {
    const { clock, begin, times } = newTimed();
    const root = begin('root');
    const open = begin('open', root);
    begin('short', root).end();
    // The monotonic clock stood still meanwhile.
    clock.nowMs = 200;
    clock.wallShiftMs = 8 * HOUR_MS;
    const child = begin('child', root);
    begin('new root').end();
    clock.nowMs = 300;
    for (const span of [child, open, root]) span.end();
    const awakeMs = 8 * HOUR_MS + 200;
    expect(times()).toEqual({
      short: [0, 0],
      'new root': [awakeMs, awakeMs],
      child: [awakeMs, awakeMs + 100],
      open: [0, awakeMs + 100],
      root: [0, awakeMs + 100],
    });
  });

  it('ends by the wall clock what was under way, where that is the first that it does', () => {
    const { clock, begin, times } = newTimed();
    const root = begin('root').addEvent('before');
    clock.nowMs = 150;
    clock.wallShiftMs = HOUR_MS;
    root.addEvent('behind').end();
    expect(times()).toEqual({ root: [0, HOUR_MS + 150] });
  });

  it('does so again when it sleeps again, and while the clock is put right', () => {
    const { clock, begin, times } = newTimed();
    const root = begin('root');
    for (const [at, shiftMs] of [HOUR_MS, HOUR_MS - 20, 2 * HOUR_MS].entries()) {
      clock.nowMs += 500;
      clock.wallShiftMs = shiftMs;
      begin(`child ${at}`, root).end();
    }
    root.end();
    const seen = times();
    expect(seen['child 0']).toEqual([HOUR_MS + 500, HOUR_MS + 500]);
    // Within the time that it goes by already.
    expect(seen['child 1']).toEqual([HOUR_MS + 1000, HOUR_MS + 1000]);
    expect(seen['child 2']).toEqual([2 * HOUR_MS + 1500, 2 * HOUR_MS + 1500]);
    expect(seen['root']).toEqual([0, 2 * HOUR_MS + 1500]);
  });
});

describe('a clock that is put right', () => {
  it.each([-2 * HOUR_MS, -5_000, -50, 50, 900])('by %i ms keeps the order and the durations of a trace', (shiftMs) => {
    const { clock, begin, times } = newTimed();
    clock.nowMs = 3 * HOUR_MS;
    const root = begin('root');
    clock.nowMs += 1000;
    clock.wallShiftMs = shiftMs;
    const child = begin('child', root);
    const other = begin('new root');
    clock.nowMs += 1000;
    for (const span of [child, root, other]) span.end();
    const at = 3 * HOUR_MS;
    expect(times()).toEqual({
      root: [at, at + 2000],
      child: [at + 1000, at + 2000],
      'new root': [at + 1000 + shiftMs, at + 2000 + shiftMs],
    });
  });

  it.each([-50, -5_000, 50])('by %i ms is followed by a trace that lasts for more than a minute', (shiftMs) => {
    const { clock, begin, times } = newTimed();
    const root = begin('root');
    clock.nowMs = 1000;
    clock.wallShiftMs = shiftMs;
    begin('early', root).end();
    clock.nowMs = 62_000;
    begin('late', root).end();
    root.end();
    const late = 62_000 + shiftMs;
    expect(times()).toEqual({ early: [1000, 1000], late: [late, late], root: [0, late] });
  });

  it('by more than a trace is old lets nothing begin before its parent, or end before its beginning', () => {
    const { clock, begin, times } = newTimed();
    clock.nowMs = 3 * HOUR_MS;
    const root = begin('root');
    clock.nowMs += 1000;
    clock.wallShiftMs = -2 * HOUR_MS;
    const early = begin('early', root);
    clock.nowMs += 61_000;
    const late = begin('late', root);
    clock.nowMs += 1000;
    for (const span of [late, early, root]) span.end();
    const at = 3 * HOUR_MS;
    expect(times()).toEqual({
      root: [at, at + 63_000],
      early: [at + 1000, at + 63_000],
      late: [at + 62_000, at + 63_000],
    });
  });
});

it('a process that is held up between its two clocks is no jump', () => {
  const { clock, begin, times } = newTimed();
  clock.nowMs = 500;
  const wallMs = clock.wallMs.bind(clock);
  // The first time of three.
  let held = 0;
  clock.wallMs = () => {
    if (held++ === 0) clock.nowMs += 300;
    return wallMs();
  };
  begin('root').end();
  clock.nowMs = 1000;
  begin('later').end();
  expect(times()).toEqual({ root: [500, 800], later: [1000, 1000] });
});

it('a trace keeps its length behind a clock that is put back by more than that, whatever small corrections follow', () => {
  const { clock, begin, times } = newTimed();
  const root = begin('root');
  clock.wallShiftMs = -HOUR_MS;
  const others = (seconds: number): void => {
    for (let at = 0; at < seconds; at++) {
      clock.nowMs += 1000;
      begin('other').end();
    }
  };
  others(70);
  begin('late', root).end();
  for (let correction = 0; correction < 40; correction++) {
    clock.wallShiftMs -= 10;
    others(50);
  }
  const late = begin('later', root);
  clock.nowMs += 500;
  late.end();
  root.end();
  expect(times()).toMatchObject({
    root: [0, 2_070_500],
    late: [70_000, 70_000],
    later: [2_070_000, 2_070_500],
  });
  expect(anchorsHeldBy(root)).toBeLessThan(8);
});

it('what was begun under a correction keeps its length behind the next one', () => {
  const { clock, begin, times } = newTimed();
  begin('first').end();
  clock.nowMs = 1000;
  clock.wallShiftMs = -HOUR_MS;
  const root = begin('root');
  clock.wallShiftMs -= 20;
  for (let at = 0; at < 61; at++) {
    clock.nowMs += 1000;
    if (at !== 60) begin('other').end();
  }
  const span = begin('span', root);
  clock.nowMs += 5;
  span.end();
  clock.nowMs += 95;
  root.end();
  const { root: rootTimes, span: spanTimes } = times();
  expect(spanTimes?.map((ms) => ms - (spanTimes[0] ?? 0))).toEqual([0, 5]);
  expect(rootTimes).toEqual([1000 - HOUR_MS, 62_100 - HOUR_MS - 20]);
});

it('whatever the clock does no duration is negative, nothing begins before its parent, and a new trace is at the present', () => {
  const step = fc.record({
    passMs: fc.integer({ min: 0, max: 90_000 }),
    jumpMs: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      fc.integer({ min: -40, max: 40 }),
      fc.integer({ min: -100_000, max: 10_000_000 }),
    ),
    act: fc.constantFrom('root', 'child', 'end'),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, begin, read } = newTimed();
      clock.nowMs = 1_000_000_000;
      const live: Span[] = [];
      const roots = new Map<string, number>();
      let comparedAtMs = -Infinity;
      for (const [at, { passMs, jumpMs, act, which }] of steps.entries()) {
        clock.nowMs += passMs;
        clock.wallShiftMs += jumpMs;
        const chosen = live[which % live.length];
        if (act === 'end' && chosen !== undefined) {
          chosen.end();
          live.splice(live.indexOf(chosen), 1);
        } else if (act === 'child' && chosen !== undefined) live.push(begin(`child ${at}`, chosen));
        else {
          live.push(begin(`root ${at}`));
          // A reading right behind another one gets the time from before.
          if (clock.nowMs - comparedAtMs >= 100) roots.set(`root ${at}`, clock.wallMs());
        }
        comparedAtMs = clock.nowMs;
      }
      for (const span of live) span.end();
      const spans = read();
      const startOf = new Map(spans.map((span) => [span.spanId, span[start]]));
      const wrong = spans.filter((span) => {
        const wallMs = roots.get(span.name) ?? msOf(span[start]) + START_UNIX_MS;
        const parentStart = startOf.get(span.parentSpanId ?? '') ?? 0n;
        const isOffWall = Math.abs(msOf(span[start]) + START_UNIX_MS - wallMs) > 6;
        return isOffWall || span[end] < span[start] || span[start] < parentStart;
      });
      expect(wrong).toEqual([]);
    }),
  );
});
