import { describe, expect, test } from 'vitest';
import { aTrace } from '../testing/a-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import { dependencyEdges, QUEUE_MARK } from './dependency-edges.ts';
import { bucketOf } from './log-sketch.ts';
import { ownTimes } from './own-times.ts';
import { serviceMap, type CountedEdge } from './service-map.ts';
import { tableOfTraces } from './table-of-traces.ts';

const edge = (caller: string, callee: string, plan: Partial<CountedEdge> = {}): CountedEdge => ({
  caller,
  calleeKind: 'service',
  callee,
  calls: 50,
  weight: 100,
  errorWeight: 0,
  variance: 0,
  unknown: 0,
  latencies: [[bucketOf(1e6), 100]],
  ...plan,
});
const CHAIN = [edge('', 'a'), edge('a', 'b'), edge('b', 'c'), edge('c', 'd'), edge('x', 'd'), edge('d', 'b')];
const pairs = (given: ReturnType<typeof serviceMap>) => given.edges.map(({ from, to }) => `${from}>${to}`).toSorted();
const near = (depth: number) => pairs(serviceMap(CHAIN, { seconds: 1, service: 'b', depth }));

describe('a map', () => {
  test('adds up the calls of all operations, and has rates by the time', () => {
    const slow = edge('a', 'b', { weight: 300, errorWeight: 40, calls: 150, latencies: [[bucketOf(9e6), 300]] });
    const { edges, nodes } = serviceMap([edge('a', 'b'), slow], { seconds: 200 });
    expect(edges).toMatchObject([{ callsPerSecond: 2, errorRate: 0.1, sampledCalls: 200, weighed: { count: 400 } }]);
    expect(edges.at(0)!.p50Ns! / 9e6).toBeCloseTo(1, 1);
    expect(nodes.find(({ name }) => name === 'b')).toMatchObject({ requestsPerSecond: 2, errorRate: 0.1 });
    expect(nodes.find(({ name }) => name === 'a')).toMatchObject({ requestsPerSecond: 0, errorRate: null });
  });

  test('has no percentiles of too few calls', () => {
    const { edges } = serviceMap([edge('a', 'b', { calls: 39 })], { seconds: 1 });
    expect(edges).toMatchObject([{ p95Ns: null, p99Ns: null }]);
    expect(edges.at(0)!.p50Ns).not.toBeNull();
  });

  test('around a service has what follows it and what leads to it, so many calls far, in circles as well', () => {
    expect(near(1)).toEqual(['service:a>service:b', 'service:b>service:c', 'service:d>service:b']);
    expect(near(2)).toEqual([
      'clients>service:a',
      'service:a>service:b',
      'service:b>service:c',
      'service:c>service:d',
      'service:d>service:b',
      'service:x>service:d',
    ]);
    expect(near(32)).toEqual(near(2));
  });

  test('keeps the most frequent calls, with all requests of their nodes', () => {
    const many = edge('x', 'd', { weight: 500 });
    const { edges, nodes, isTruncated } = serviceMap([...CHAIN.slice(0, 4), many], { seconds: 1, edgesMax: 1 });
    expect([edges.length, isTruncated]).toEqual([1, true]);
    expect(nodes.find(({ name }) => name === 'd')).toMatchObject({ requestsPerSecond: 600 });
  });

  test('leads through queues, and tells a database from a service of the same name', () => {
    const { nodes, edges } = serviceMap(
      [
        edge('a', 'q', { calleeKind: 'queue' }),
        edge(`${QUEUE_MARK}q`, 'b'),
        edge('a', 'b', { calleeKind: 'database' }),
        edge('a', '', { calleeKind: 'silent' }),
      ],
      { seconds: 1 },
    );
    expect(nodes.map(({ id }) => id).toSorted()).toEqual(['database:b', 'queue:q', 'service:a', 'service:b', 'silent']);
    expect(edges).toHaveLength(4);
  });

  test('can be made of traces in a file', () => {
    const trace = traceFromOtlp(
      aTrace({
        service: 'web',
        name: 'GET /',
        kind: 'server',
        from: 0,
        to: 100,
        children: [
          {
            service: 'web',
            name: 'SELECT',
            kind: 'client',
            from: 10,
            to: 60,
            error: 'Timeout',
            attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'shop' },
          },
        ],
      }),
    );
    const table = tableOfTraces([trace]);
    const { edges } = dependencyEdges(table, ownTimes(table), { share: 1, edgesMax: 10 });
    expect(
      edges.map(({ caller, callee, calleeKind, errorWeight }) => [caller, callee, calleeKind, errorWeight]),
    ).toEqual(
      expect.arrayContaining([
        ['', 'web', 'service', 0],
        ['web', 'shop database', 'database', 1],
      ]),
    );
  });
});
