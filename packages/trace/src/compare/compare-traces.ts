import { criticalNs } from '../analysis/critical-path.ts';
import { likeWork } from '../analysis/like-calls.ts';
import { StatusCode } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** Two traces of one kind, path by path. All times and durations are in nanoseconds. */
export interface TraceComparison {
  /** Of the root of the first trace; 0 for a trace without spans. */
  readonly durationNsA: number;
  /** The same of the second. */
  readonly durationNsB: number;
  /** In display order: depth first, siblings by the start of their first call. */
  readonly paths: readonly ComparedPath[];
}

/** All calls of one service, name and kind below one path of their callers, in two traces. */
export interface ComparedPath {
  readonly service: string;
  /** The name of the first span, which may hold a number in which the others differ. */
  readonly operation: string;
  /** See `SpanKind`. */
  readonly kind: number;
  /** Its place in `TraceComparison.paths`; -1 at the top. */
  readonly parentIndex: number;
  /** 0 at the top. */
  readonly depth: number;
  /** Null where the first trace has no such call. */
  readonly a: ComparedCalls | null;
  /** Null where the second has none. */
  readonly b: ComparedCalls | null;
  /**
   * How much longer the second root waited for these calls, and for nothing below them. Over all paths this adds up to
   * exactly `durationNsB - durationNsA`.
   */
  readonly criticalDeltaNs: number;
  /** What is different; empty where the calls are alike. */
  readonly differences: readonly CallDifference[];
}

/** The calls of one path in one trace. */
export interface ComparedCalls {
  /** 1 or more. */
  readonly calls: number;
  /** Those with status ERROR. */
  readonly failedCalls: number;
  /** Of all of them together, whether they ran at once or not. */
  readonly durationNs: number;
  /** How long the root waited for them, and for nothing below them. */
  readonly criticalNs: number;
  /** The longest call, by its place in the columns of its `Trace`. */
  readonly longestIndex: number;
}

/**
 * `only-a`, `only-b`: one trace has no such call · `slower`, `faster`: a call takes longer in the second, or shorter,
 * by a millisecond and by a tenth at least · `more-calls`, `fewer-calls`: the second has more of them, or fewer ·
 * `more-failures`, `fewer-failures`: the same of those that failed.
 */
export type CallDifference =
  | 'only-a'
  | 'only-b'
  | 'slower'
  | 'faster'
  | 'more-calls'
  | 'fewer-calls'
  | 'more-failures'
  | 'fewer-failures';

/** Two runs of the same code differ by as much. */
const SLACK_NS = 1e6;
const SLACK_SHARE = 0.1;

/**
 * Compares two traces by path: the chain of (service, name, kind) from the top. Like siblings are one path, however
 * many they are. Never throws; takes n log n time in the number of spans, and no call stack.
 *
 * @example
 * const { paths } = compareTraces(trace, traceFromOtlp(otlpJson));
 * for (const { operation, criticalDeltaNs } of paths) console.log(operation, formatDuration(criticalDeltaNs));
 */
export function compareTraces(a: Trace, b: Trace): TraceComparison {
  const nodes = new PathNodes();
  nodes.add(a, 'a');
  nodes.add(b, 'b');
  return {
    durationNsA: a.durationNs[a.rootIndex] ?? 0,
    durationNsB: b.durationNs[b.rootIndex] ?? 0,
    paths: nodes.inOrder(),
  };
}

interface Node {
  readonly service: string;
  readonly operation: string;
  readonly kind: number;
  /** Of its first call, after the start of the root of its trace. */
  readonly startNs: number;
  readonly children: Node[];
  a: MutableCalls | null;
  b: MutableCalls | null;
}

type MutableCalls = { -readonly [K in keyof ComparedCalls]: ComparedCalls[K] };

class PathNodes {
  readonly #tops: Node[] = [];
  readonly #childOf = new Map<Node | null, Map<string, Node>>();

  add(trace: Trace, side: 'a' | 'b'): void {
    const onPathNs = criticalNs(trace);
    const rootStartNs = trace.startNs[trace.rootIndex] ?? 0;
    const nodes: Node[] = [];
    // A parent comes before its children.
    for (let span = 0; span < trace.spanCount; span++) {
      const node = this.#nodeOf(trace, span, nodes[trace.parentIndex[span]!] ?? null, rootStartNs);
      nodes.push(node);
      const durationNs = trace.durationNs[span]!;
      const calls = (node[side] ??= { calls: 0, failedCalls: 0, durationNs: 0, criticalNs: 0, longestIndex: span });
      calls.calls++;
      if (trace.statusCode[span] === StatusCode.error) calls.failedCalls++;
      calls.durationNs += durationNs;
      calls.criticalNs += onPathNs[span]!;
      if (durationNs > trace.durationNs[calls.longestIndex]!) calls.longestIndex = span;
    }
  }

  #nodeOf(trace: Trace, span: number, parent: Node | null, rootStartNs: number): Node {
    const service = trace.services[trace.serviceIndex[span]!]!;
    const kind = trace.kind[span]!;
    const key = JSON.stringify([kind, service, likeWork(trace, span)]);
    let siblings = this.#childOf.get(parent);
    if (siblings === undefined) this.#childOf.set(parent, (siblings = new Map()));
    const known = siblings.get(key);
    if (known !== undefined) return known;
    const operation = trace.names[span]!;
    const startNs = trace.startNs[span]! - rootStartNs;
    const node: Node = { service, operation, kind, startNs, children: [], a: null, b: null };
    siblings.set(key, node);
    (parent?.children ?? this.#tops).push(node);
    return node;
  }

  inOrder(): ComparedPath[] {
    const paths: ComparedPath[] = [];
    const waiting: { node: Node; parentIndex: number; depth: number }[] = [];
    const push = (nodes: readonly Node[], parentIndex: number, depth: number): void => {
      for (const node of nodes.toSorted((x, y) => y.startNs - x.startNs)) waiting.push({ node, parentIndex, depth });
    };
    push(this.#tops, -1, 0);
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { node, parentIndex, depth } = next;
      const { service, operation, kind, a, b } = node;
      const criticalDeltaNs = (b?.criticalNs ?? 0) - (a?.criticalNs ?? 0);
      const differences = differencesOf(a, b);
      const index =
        paths.push({ service, operation, kind, parentIndex, depth, a, b, criticalDeltaNs, differences }) - 1;
      push(node.children, index, depth + 1);
    }
    return paths;
  }
}

function differencesOf(a: ComparedCalls | null, b: ComparedCalls | null): CallDifference[] {
  if (a === null) return ['only-b'];
  if (b === null) return ['only-a'];
  const differences: CallDifference[] = [];
  const callA = a.durationNs / a.calls;
  const callB = b.durationNs / b.calls;
  const slack = Math.max(SLACK_NS, SLACK_SHARE * Math.min(callA, callB));
  if (Math.abs(callB - callA) >= slack) differences.push(callB > callA ? 'slower' : 'faster');
  if (a.calls !== b.calls) differences.push(b.calls > a.calls ? 'more-calls' : 'fewer-calls');
  if (a.failedCalls !== b.failedCalls) {
    differences.push(b.failedCalls > a.failedCalls ? 'more-failures' : 'fewer-failures');
  }
  return differences;
}
