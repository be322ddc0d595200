import * as fc from 'fast-check';
import type { TraceSearch } from '../trace-search.ts';
import { aStoredSpan, TEST_START_NS, type StoredSpan } from './test-store.ts';

/** A number as hex digits. */
export function idOf(n: number, digits = 32): string {
  return n.toString(16).padStart(digits, '0');
}

export const EVERYTHING: TraceSearch = {
  filter: { service: null, operation: null, status: null, tags: [] },
  range: { fromUnixNano: null, toUnixNano: null },
  minDurationNs: null,
  maxDurationNs: null,
  limit: 20,
  after: null,
};

/** Traces some of which last for hours or days, or have spans of a service whose clock is as far from the others'. */
export function farSpans(traces: number): StoredSpan[] {
  const random = fc.sample(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { numRuns: 30 * traces, seed: 9 });
  let next = 0;
  const below = (bound: number): number => (random[next++] ?? 0) % bound;
  const second = 1_000_000_000n;
  const minute = 60n * second;
  const far = [-2n * 1_440n, -1_500n, -130n, -50n, -1n, 0n, 0n, 0n, 50n, 130n, 1_430n, 3_000n];
  return Array.from({ length: traces }, (_, t) => {
    const start = TEST_START_NS + BigInt(below(360)) * minute + BigInt(below(3));
    const rooted = below(5) > 0;
    const isOdd = below(3) === 0;
    return Array.from({ length: 1 + below(4) }, (_unused, s) => {
      const isFar = isOdd && below(2) === 0;
      return aStoredSpan({
        traceId: idOf(t * 7919 + 1),
        spanId: idOf(s + 1, 16),
        parentSpanId: rooted && s === 0 ? idOf(0, 16) : idOf(1 + below(6), 16),
        service: isFar ? 'phone' : below(2) === 0 ? 'a' : 'b',
        name: below(2) === 0 ? 'x' : 'y',
        statusCode: below(3),
        startNs: start + BigInt(below(4)) * second + (isFar ? (far[below(far.length)] ?? 0n) * minute : 0n),
        durationNs: isOdd && below(4) === 0 ? BigInt(below(2_000)) * minute : BigInt(below(5)) * second,
        attributes: { k: String(1 + below(3)) },
      });
    });
  }).flat();
}

/** Traces of 1 to 6 spans over some minutes: some start together, some have no root or several, some last long. */
export function randomSpans(seconds: number, traces = 300): StoredSpan[] {
  const random = fc.sample(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { numRuns: 12_000, seed: 42 });
  let next = 0;
  const below = (bound: number): number => (random[next++] ?? 0) % bound;
  return Array.from({ length: traces }, (_, t) => {
    const second = below(4) === 0 ? 77 : below(seconds);
    const start = TEST_START_NS + BigInt(second) * 1_000_000_000n + BigInt(below(3));
    const rooted = below(4) > 0;
    return Array.from({ length: 1 + below(6) }, (_unused, s) =>
      aStoredSpan({
        traceId: idOf(t * 7919 + 1),
        spanId: idOf(s + 1, 16),
        parentSpanId: rooted && (s === 0 || below(8) === 0) ? idOf(0, 16) : idOf(1 + below(6), 16),
        service: below(3) === 0 ? 'a' : 'b',
        name: below(2) === 0 ? 'x' : 'y',
        statusCode: below(3),
        startNs: start + BigInt(below(10) === 0 ? below(300) : below(2)) * 1_000_000_000n,
        durationNs: BigInt(below(5)) * 1_000_000_000n,
        attributes: { k: String(1 + below(3)) },
        resource: { r: String(1 + below(3)) },
      }),
    );
  }).flat();
}

function isFirst(a: StoredSpan, b: StoredSpan): boolean {
  return a.startNs < b.startNs || (a.startNs === b.startNs && a.spanId < b.spanId);
}

function longest(roots: readonly StoredSpan[]): StoredSpan | undefined {
  return roots.toSorted((a, b) =>
    a.durationNs === b.durationNs ? (isFirst(a, b) ? -1 : 1) : a.durationNs > b.durationNs ? -1 : 1,
  )[0];
}

const LOOKED_BEHIND_NS = 3_600_000_000_000n;

/** The definition of search, written as plainly as can be, where the spans of each trace came together. */
export function plainSearch(spans: readonly StoredSpan[], search: TraceSearch): string[] {
  const { service, operation, status, tags } = search.filter;
  const { fromUnixNano, toUnixNano } = search.range;
  const traces = new Map<string, StoredSpan[]>();
  for (const span of spans) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
  return Array.from(traces, ([traceId, all]) => {
    const first = all.reduce((a, b) => (isFirst(b, a) ? b : a)).startNs;
    const end = all.map((span) => span.startNs + span.durationNs).reduce((a, b) => (b > a ? b : a));
    const root = longest(all.filter(({ parentSpanId }) => /^0+$/.test(parentSpanId)));
    const matches = all.filter(
      (span) =>
        (service === null || span.service === service) &&
        (operation === null || span.name === operation) &&
        (status === null || span.statusCode === { unset: 0, ok: 1, error: 2 }[status]) &&
        tags.every(({ key, value }) => span.attributes[key] === value || span.resource[key] === value),
    );
    // Where every span matches, those in the range are enough.
    const lookedBehindNs =
      service === null && operation === null && status === null && tags.length === 0 ? 0n : LOOKED_BEHIND_NS;
    const newest = matches
      .map(({ startNs }) => startNs)
      .filter((startNs) => startNs <= (toUnixNano ?? startNs) + lookedBehindNs)
      .reduce((a, b) => (b > a ? b : a), -1n);
    const ids = new Set(all.map(({ spanId }) => spanId));
    const tops = all.filter(({ parentSpanId }) => !ids.has(parentSpanId)).map(({ startNs }) => startNs);
    const shown = root?.startNs ?? tops.toSorted((a, b) => (a < b ? -1 : 1))[0] ?? first;
    const isRanged = fromUnixNano !== null || toUnixNano !== null;
    const isLong = end / 1_000_000_000n - first / 1_000_000_000n >= 3_600n;
    const place = (isRanged && isLong) || shown < newest ? shown : newest;
    return { traceId, first, end, duration: root?.durationNs ?? end - first, matches, place };
  })
    .filter(
      ({ matches, first, end, duration }) =>
        matches.length > 0 &&
        first <= (toUnixNano ?? first) &&
        end >= (fromUnixNano ?? end) &&
        end - first >= (search.minDurationNs ?? 0n) &&
        duration <= (search.maxDurationNs ?? duration),
    )
    .toSorted((a, b) => (a.place === b.place ? (a.traceId < b.traceId ? -1 : 1) : a.place > b.place ? -1 : 1))
    .map(({ traceId }) => traceId);
}

/** A moment of these seconds, or a little before or after them. */
export function aMoment(seconds: number): fc.Arbitrary<bigint> {
  return fc.integer({ min: -10, max: seconds + 10 }).map((second) => TEST_START_NS + BigInt(second) * 1_000_000_000n);
}
