import { QUEUE_MARK, type CalleeKind, type EdgeSums } from './dependency-edges.ts';
import { quantilesOf } from './log-sketch.ts';

/** An edge with what its calls add up to, whatever operation made them. */
export interface CountedEdge extends Pick<
  EdgeSums,
  'caller' | 'calleeKind' | 'callee' | 'calls' | 'weight' | 'errorWeight' | 'variance' | 'unknown'
> {
  readonly latencies: readonly (readonly [bucket: number, weight: number])[];
}

/** `clients`: whoever sends requests and no spans. */
export type MapNodeKind = CalleeKind | 'clients';

export interface MapNode {
  /** Of the kind and the name. */
  readonly id: string;
  readonly kind: MapNodeKind;
  /** '' where no span names it. */
  readonly name: string;
  /** Requests that it gets; null for `clients`. */
  readonly requestsPerSecond: number | null;
  /** Share of these that fail, from 0 to 1; null where there are none. */
  readonly errorRate: number | null;
}

export interface MapEdge {
  /** IDs of nodes. */
  readonly from: string;
  readonly to: string;
  readonly callsPerSecond: number;
  readonly errorRate: number;
  /** How long the caller waits; null where there are too few calls to tell. */
  readonly p50Ns: number | null;
  readonly p95Ns: number | null;
  readonly p99Ns: number | null;
  /** Calls that were measured. */
  readonly sampledCalls: number;
  /** Σ weight, its variance, and calls of unknown weight. */
  readonly weighed: { readonly count: number; readonly variance: number; readonly unknown: number };
}

export interface ServiceMap {
  readonly nodes: readonly MapNode[];
  /** By their calls, the most first. */
  readonly edges: readonly MapEdge[];
  readonly isTruncated: boolean;
}

export interface MapOptions {
  /** So long the calls were counted. */
  readonly seconds: number;
  /** Only what is connected with this service … */
  readonly service?: string | null;
  /** … by so many calls at most; each direction by itself. */
  readonly depth?: number;
  readonly edgesMax?: number;
}

/** A 95th percentile of fewer values is the highest, or nearly. */
const P95_MIN = 40;
const P99_MIN = 200;

export function serviceMap(
  given: Iterable<CountedEdge>,
  { seconds, service = null, depth = Infinity, edgesMax = Infinity }: MapOptions,
): ServiceMap {
  const perSecond = (weight: number): number => (seconds > 0 ? weight / seconds : 0);
  const counted = mergedEdges(given).toSorted((a, b) => b.edge.weight - a.edge.weight || (a.key < b.key ? -1 : 1));
  const isNear = service === null ? () => true : nearnessOf(counted, nodeId('service', service), depth);
  const near = counted.filter(({ from, to }) => isNear(from, to));
  const shown = near.slice(0, edgesMax);
  const nodes = new Map<string, { kind: MapNodeKind; name: string; weight: number; errors: number }>();
  for (const { from, to, edge } of shown) {
    const [callerKind, callerName] = callerOf(edge);
    if (!nodes.has(from)) nodes.set(from, { kind: callerKind, name: callerName, weight: 0, errors: 0 });
    if (!nodes.has(to)) nodes.set(to, { kind: edge.calleeKind, name: edge.callee, weight: 0, errors: 0 });
  }
  // A node has all its requests, whoever else is left out.
  for (const { to, edge } of counted) {
    const node = nodes.get(to);
    if (node === undefined) continue;
    node.weight += edge.weight;
    node.errors += edge.errorWeight;
  }
  return {
    nodes: Array.from(nodes, ([id, { kind, name, weight, errors }]) => ({
      id,
      kind,
      name,
      requestsPerSecond: kind === 'clients' ? null : perSecond(weight),
      errorRate: weight > 0 ? Math.min(1, errors / weight) : null,
    })),
    edges: shown.map(({ from, to, edge }) => {
      const [p50 = Number.NaN, p95 = Number.NaN, p99 = Number.NaN] = quantilesOf(edge.latencies, [0.5, 0.95, 0.99]);
      const told = (value: number, least: number): number | null =>
        edge.calls >= least && !Number.isNaN(value) ? value : null;
      return {
        from,
        to,
        callsPerSecond: perSecond(edge.weight),
        errorRate: edge.weight > 0 ? Math.min(1, edge.errorWeight / edge.weight) : 0,
        p50Ns: told(p50, 1),
        p95Ns: told(p95, P95_MIN),
        p99Ns: told(p99, P99_MIN),
        sampledCalls: edge.calls,
        weighed: { count: edge.weight, variance: edge.variance, unknown: edge.unknown },
      };
    }),
    isTruncated: shown.length < near.length,
  };
}

interface KeyedEdge {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly edge: CountedEdge;
}

/** IDs of the nodes at both ends of an edge. */
export function endsOf(edge: Pick<CountedEdge, 'caller' | 'calleeKind' | 'callee'>): {
  readonly from: string;
  readonly to: string;
} {
  return { from: nodeId(...callerOf(edge)), to: nodeId(edge.calleeKind, edge.callee) };
}

/** Those of all operations of a caller are one. */
function mergedEdges(given: Iterable<CountedEdge>): KeyedEdge[] {
  const merged = new Map<string, KeyedEdge>();
  for (const edge of given) {
    const { from, to } = endsOf(edge);
    const key = `${from}\0${to}`;
    const known = merged.get(key);
    merged.set(key, { key, from, to, edge: known === undefined ? edge : sumOf(known.edge, edge) });
  }
  return [...merged.values()];
}

function sumOf(one: CountedEdge, other: CountedEdge): CountedEdge {
  const latencies = new Map(one.latencies);
  for (const [bucket, weight] of other.latencies) latencies.set(bucket, (latencies.get(bucket) ?? 0) + weight);
  return {
    ...one,
    calls: one.calls + other.calls,
    weight: one.weight + other.weight,
    errorWeight: one.errorWeight + other.errorWeight,
    variance: one.variance + other.variance,
    unknown: one.unknown + other.unknown,
    latencies: [...latencies].toSorted(([a], [b]) => a - b),
  };
}

function callerOf({ caller }: Pick<CountedEdge, 'caller'>): [kind: MapNodeKind, name: string] {
  if (caller === '') return ['clients', ''];
  return caller.startsWith(QUEUE_MARK) ? ['queue', caller.slice(QUEUE_MARK.length)] : ['service', caller];
}

function nodeId(kind: MapNodeKind, name: string): string {
  return name === '' ? kind : `${kind}:${name}`;
}

/** Whether an edge is on a way of so many calls from the node, or to it. */
function nearnessOf(edges: readonly KeyedEdge[], id: string, depth: number): (from: string, to: string) => boolean {
  const distances = (next: (edge: KeyedEdge) => readonly [near: string, far: string]): Map<string, number> => {
    const neighbours = new Map<string, string[]>();
    for (const edge of edges) {
      const [near, far] = next(edge);
      neighbours.set(near, [...(neighbours.get(near) ?? []), far]);
    }
    const found = new Map([[id, 0]]);
    const waiting = [id];
    for (let at = 0; at < waiting.length; at++) {
      const node = waiting[at]!;
      for (const neighbour of neighbours.get(node) ?? []) {
        if (found.has(neighbour)) continue;
        found.set(neighbour, found.get(node)! + 1);
        waiting.push(neighbour);
      }
    }
    return found;
  };
  const down = distances(({ from, to }) => [from, to]);
  const up = distances(({ from, to }) => [to, from]);
  return (from, to) => (down.get(from) ?? Infinity) < depth || (up.get(to) ?? Infinity) < depth;
}
