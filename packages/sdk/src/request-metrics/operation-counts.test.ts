import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, bucketStartNs, HISTOGRAM_BUCKETS, SECONDS_OFFSET, UNITS_PER_NS } from './duration-histogram.ts';
import { OperationCounts } from './operation-counts.ts';

describe('the histogram of durations', () => {
  it('puts a duration between its bucket’s bounds, or within a hundredth of them', () => {
    fc.assert(
      fc.property(fc.double({ min: 1024, max: 2 ** 42 - 1, noNaN: true }), (durationNs) => {
        const bucket = bucketOf(durationNs);
        expect(durationNs).toBeGreaterThanOrEqual(bucketStartNs(bucket) * 0.99);
        expect(durationNs).toBeLessThan(bucketStartNs(bucket + 1) * 1.01);
      }),
    );
  });

  it('puts a duration between the bounds that OTLP gives its bucket of seconds, or within a hundredth of them', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -20, max: 2 ** 12 - 1e-3, noNaN: true }), (seconds) => {
        const index = SECONDS_OFFSET + bucketOf(seconds * 1e9 * UNITS_PER_NS);
        expect(seconds).toBeGreaterThanOrEqual(2 ** (index / 8) * 0.99);
        expect(seconds).toBeLessThan(2 ** ((index + 1) / 8) * 1.01);
      }),
    );
  });

  it('puts what is shorter or longer than its range into the first and last bucket', () => {
    expect([0, -5, 1, 1023].map(bucketOf)).toEqual([0, 0, 0, 0]);
    expect([2 ** 42, 1e18, Infinity].map(bucketOf)).toEqual(Array.from({ length: 3 }, () => HISTOGRAM_BUCKETS - 1));
  });
});

function count(counts: OperationCounts, startName: string, name: string, status = 0, durationNs = 1e6): void {
  const operation = counts.operationOf(startName, 1);
  operation.started++;
  counts.end(operation, name, status, durationNs);
}

describe('request metrics', () => {
  it('count requests and errors by the name that spans start with and the one that they end with', () => {
    const counts = new OperationCounts();
    count(counts, 'GET', 'GET /a');
    count(counts, 'GET', 'GET /b', 2, 5e6);
    count(counts, 'GET', 'GET /a', 2);
    const [operation] = [...counts.operations()];
    expect([operation?.name, operation?.started, operation?.requests, operation?.errors]).toEqual(['GET', 3, 3, 2]);
    const named = [...(operation?.named.values() ?? [])].map(({ name, statuses }) => [
      name,
      statuses.map((status) => [status?.requests, status?.durationSumNs]),
    ]);
    expect(named).toEqual([
      [
        'GET /a',
        [
          [1, 1e6],
          [undefined, undefined],
          [1, 1e6],
        ],
      ],
      [
        'GET /b',
        [
          [undefined, undefined],
          [undefined, undefined],
          [1, 5e6],
        ],
      ],
    ]);
  });

  it('keep kinds apart', () => {
    const counts = new OperationCounts();
    counts.operationOf('x', 1).started++;
    counts.operationOf('x', 2).started++;
    expect([...counts.operations()].map(({ kind, started }) => [kind, started])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  it('count operations beyond the limit as other, lose none, and stay within it', () => {
    const counts = new OperationCounts({ operationsMax: 10 });
    for (let i = 0; i < 1000; i++) count(counts, `start ${i % 50}`, `end ${i}`);
    const operations = [...counts.operations()];
    expect(operations.reduce((sum, { requests }) => sum + requests, 0)).toBe(1000);
    const names = operations.flatMap(({ named }) => [...named.values()]);
    expect(operations.length + names.length).toBeLessThanOrEqual(10 + 1 + 10 + 11);
    const requests = names.flatMap(({ statuses }) => statuses.map((status) => status?.requests ?? 0));
    expect(requests.reduce((sum, one) => sum + one, 0)).toBe(1000);
    expect(counts.otherRequests).toBeGreaterThan(900);
    expect(operations.find(({ name }) => name === 'other')?.requests).toBe(800);
  });
});
