import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorGroupId, type FailedSpan, groupErrors, originsOf, TREND_PARTS, withEarlier } from './error-groups.ts';

const HOUR_NS = 3_600_000_000_000n;
const FROM = 500_000n * HOUR_NS;
const WINDOW = { fromUnixNano: FROM, toUnixNano: FROM + HOUR_NS, share: 1 };

let spans = 0;
const aFailure = (overrides: Partial<FailedSpan> = {}): FailedSpan => {
  spans += 1;
  return {
    traceId: `trace-${spans}`,
    spanId: `span-${spans}`,
    parentSpanId: '',
    service: 'bank',
    operation: 'POST /charge',
    kind: 'error',
    type: 'CardError',
    message: `card ${spans} declined`,
    version: '',
    startUnixNano: FROM + BigInt(spans),
    weight: 1,
    ...overrides,
  };
};
const before = { startUnixNano: FROM - 1n };

describe('failures', () => {
  it('of one place and reason are one group, the most frequent first', () => {
    const groups = groupErrors({
      ...WINDOW,
      spans: [
        aFailure({ message: 'no network' }),
        aFailure(),
        aFailure(),
        aFailure({ type: 'OtherError' }),
        aFailure({ operation: 'POST /refund' }),
        aFailure({ service: 'shop', weight: 4 }),
        aFailure({ kind: 'timeout' }),
        aFailure(),
      ],
    });
    expect(groups.map(({ service, count, estimatedCount }) => [service, count, estimatedCount]).slice(0, 2)).toEqual([
      ['shop', 1, 4],
      ['bank', 3, 3],
    ]);
    expect(groups).toHaveLength(6);
    expect(new Set(groups.map(({ id }) => id)).size).toBe(6);
    expect(groups.at(1)).toMatchObject({ message: 'card # declined', kind: 'error', type: 'CardError' });
  });

  it('began in the deepest failed span, and not in what was cancelled because of it', () => {
    const trace = { traceId: 'one' };
    const deep = aFailure({ ...trace, spanId: 'c', parentSpanId: 'b' });
    const all = [
      aFailure({ ...trace, spanId: 'a' }),
      aFailure({ ...trace, spanId: 'b', parentSpanId: 'a' }),
      deep,
      aFailure({ ...trace, spanId: 'd', parentSpanId: 'a', kind: 'cancelled' }),
    ];
    expect(originsOf(all)).toEqual([deep]);
    const alone = aFailure({ kind: 'cancelled' });
    expect(originsOf([alone])).toEqual([alone]);
  });

  it('count once if they were sent twice, and have an origin also where parents are odd', () => {
    const one = aFailure({ spanId: 'a', parentSpanId: 'a' });
    expect(originsOf([one, { ...one }])).toEqual([one]);
    const trace = { traceId: 'cycle' };
    const early = aFailure({ ...trace, spanId: 'a', parentSpanId: 'c' });
    const middle = aFailure({ ...trace, spanId: 'b', parentSpanId: 'a' });
    const late = aFailure({ ...trace, spanId: 'c', parentSpanId: 'b' });
    for (const cycle of [
      [early, middle, late],
      [late, middle, early],
      [middle, early, late, { ...middle }],
    ]) {
      expect(originsOf(cycle)).toEqual([late]);
    }
    const below = aFailure({ ...trace, spanId: 'd', parentSpanId: 'b' });
    expect(originsOf([early, below, middle, late])).toContain(below);
  });

  it('belong to the window in which they began, whatever explains them begins after it', () => {
    const trace = { traceId: 'late' };
    const caller = aFailure({ ...trace, spanId: 'a', startUnixNano: FROM + HOUR_NS - 1n });
    const callee = aFailure({ ...trace, spanId: 'b', parentSpanId: 'a', startUnixNano: FROM + HOUR_NS });
    expect(groupErrors({ ...WINDOW, spans: [caller, callee] })).toEqual([]);
    expect(groupErrors({ ...WINDOW, spans: [caller] })).toHaveLength(1);
  });

  it.each([
    ['new', [aFailure()], []],
    ['ongoing', [aFailure(), aFailure(before)], []],
    ['ongoing', [aFailure(), aFailure(before)], [aFailure()]],
    ['back', [aFailure()], [aFailure()]],
    ['gone', [aFailure(before)], []],
    ['gone', [aFailure(before)], [aFailure()]],
    ['new', [aFailure()], [aFailure({ type: 'OtherError' })]],
  ] as const)('are %s by when they were seen', (state, given, earlier) => {
    const seen = new Map(earlier.map((one) => [errorGroupId(one), FROM - 20n * HOUR_NS]));
    const [group, ...others] = withEarlier(groupErrors({ ...WINDOW, spans: given }), seen);
    expect([group?.state, others]).toEqual([state, []]);
    const starts = given.map(({ startUnixNano }) => startUnixNano);
    const first = state === 'back' ? FROM - 20n * HOUR_NS : starts.reduce((least, one) => (one < least ? one : least));
    expect(group?.firstUnixNano).toBe(first);
  });

  it('name versions, samples of different traces, and how many there were in each part of the window', () => {
    const part = HOUR_NS / BigInt(TREND_PARTS);
    const given = [
      aFailure({ traceId: 'a', spanId: '1', version: '2', startUnixNano: FROM }),
      aFailure({ traceId: 'b', spanId: '2', version: '2', startUnixNano: FROM + part }),
      aFailure({ traceId: 'b', spanId: '3', version: '1', startUnixNano: FROM + part + 1n, weight: 2 }),
      aFailure({ traceId: 'c', spanId: '4', version: '3', startUnixNano: FROM + HOUR_NS - 1n }),
      aFailure({ traceId: 'd', spanId: '5', version: '2', startUnixNano: FROM + 2n }),
    ];
    const [group] = groupErrors({ ...WINDOW, share: 0.5, spans: given });
    expect(group?.versions).toEqual([
      { version: '2', count: 3 },
      { version: '1', count: 1 },
      { version: '3', count: 1 },
    ]);
    expect(group?.samples.map(({ traceId, spanId }) => [traceId, spanId])).toEqual([
      ['c', '4'],
      ['b', '3'],
      ['d', '5'],
    ]);
    expect([group?.trend.at(0), group?.trend.at(1), group?.trend.at(-1)]).toEqual([4, 6, 2]);
    expect(group).toMatchObject({
      count: 5,
      estimatedCount: 12,
      lastUnixNano: FROM + HOUR_NS - 1n,
      firstUnixNano: FROM,
    });
  });

  it('are counted whatever they hold, and the same in whatever order they come', () => {
    const anyFailure = fc
      .record({
        traceId: fc.constantFrom('a', 'b', 'c'),
        spanId: fc.constantFrom('1', '2', '3', '4'),
        parentSpanId: fc.constantFrom('', '1', '2', '3', '4', 'away'),
        service: fc.string({ unit: 'binary' }),
        operation: fc.string({ unit: 'binary' }),
        kind: fc.constantFrom('error', 'timeout', 'cancelled'),
        type: fc.string({ unit: 'binary', maxLength: 300 }),
        message: fc.string({ unit: 'binary', maxLength: 900 }),
        version: fc.constantFrom('', '1', '2'),
        weight: fc.constantFrom(1, 2, 8),
        at: fc.bigInt({ min: -2n * HOUR_NS, max: 2n * HOUR_NS }),
      })
      .map(({ at, ...failure }) => ({ ...failure, startUnixNano: FROM + at }));
    fc.assert(
      fc.property(fc.array(anyFailure, { maxLength: 12 }), (given) => {
        const groups = groupErrors({ ...WINDOW, spans: given });
        const counted = groups.reduce((sum, { count }) => sum + count, 0);
        const during = originsOf(given).filter(({ startUnixNano }) => {
          return startUnixNano >= FROM && startUnixNano < WINDOW.toUnixNano;
        });
        expect(counted).toBe(during.length);
        for (const { trend, estimatedCount, example, message } of groups) {
          expect(trend.reduce((sum, part) => sum + part, 0)).toBe(estimatedCount);
          expect(example).not.toMatch(/\p{Surrogate}/u);
          expect(message.length).toBeLessThanOrEqual(200);
        }
        const ids = (of: readonly FailedSpan[]) => groupErrors({ ...WINDOW, spans: of }).map(({ id }) => id);
        expect(ids(given.toReversed()).toSorted()).toEqual(ids(given).toSorted());
      }),
    );
  });
});
