import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationNsMax } from '../../time/duration-text.ts';
import {
  emptyExploreState,
  exploreHref,
  parseAttributeFilter,
  readExploreState,
  writeExploreState,
  type ExploreState,
} from './explore-state.ts';
import { freezeTimeRange, lastRangeNames, timeBounds, type TimeRange } from './time-range.ts';

const nameOrNull = fc.option(fc.string({ minLength: 1, unit: 'grapheme' }));
const durationOrNull = fc.option(fc.integer({ min: 0, max: durationNsMax }));
const time: fc.Arbitrary<TimeRange> = fc.oneof(
  fc.constantFrom(...lastRangeNames).map((range) => ({ kind: 'last' as const, range })),
  fc.constant({ kind: 'all' as const }),
  fc
    .tuple(fc.nat(4e12), fc.nat(1e10))
    .map(([fromMs, lengthMs]) => ({ kind: 'between' as const, fromMs, toMs: fromMs + lengthMs })),
);
const state: fc.Arbitrary<ExploreState> = fc.record({
  service: nameOrNull,
  operation: fc.option(fc.string({ unit: 'grapheme' })),
  status: fc.constantFrom('error' as const, 'ok' as const, 'unset' as const, null),
  minDurationNs: durationOrNull,
  maxDurationNs: durationOrNull,
  attributes: fc.array(
    fc.record({
      key: fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom('=', '\\', 'a') })),
      value: fc.string({ unit: 'grapheme' }),
    }),
    { maxLength: 4 },
  ),
  time,
});

describe('the state of the search', () => {
  it('comes back from its URL exactly as it was written', () => {
    fc.assert(
      fc.property(state, (written) => {
        expect(readExploreState(writeExploreState(written))).toEqual(written);
      }),
    );
  });

  it('is the empty query string when nothing is chosen', () => {
    expect(writeExploreState(emptyExploreState)).toBe('');
    expect(exploreHref({})).toBe('/explore');
  });

  it('ignores what it does not understand', () => {
    expect(readExploreState('?status=purple&min=soon&tag=nokey&range=2y&from=x&to=y')).toEqual(emptyExploreState);
  });

  it('ends the key of an attribute at the first equals sign', () => {
    expect(parseAttributeFilter('db.query.text=a = b')).toEqual({ key: 'db.query.text', value: 'a = b' });
    expect(parseAttributeFilter(String.raw`a\=b=c`)).toEqual({ key: 'a=b', value: 'c' });
    expect(parseAttributeFilter('=value')).toBeNull();
  });
});

describe('a time range', () => {
  it('reaches back from now and stays open ahead', () => {
    expect(timeBounds({ kind: 'last', range: '15m' }, 1_000_000)).toEqual({ fromMs: 100_000 });
    expect(timeBounds({ kind: 'all' }, 1_000_000)).toEqual({});
  });

  it('becomes absolute in a link', () => {
    expect(freezeTimeRange({ kind: 'last', range: '1h' }, 4_000_000)).toEqual({
      kind: 'between',
      fromMs: 400_000,
      toMs: 4_000_000,
    });
  });
});
