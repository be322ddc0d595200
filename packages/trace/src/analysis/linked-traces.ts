import type { Trace } from '../tree/trace.ts';

/** A span of one of several traces. */
export interface SpanOfTrace {
  /** The place of the trace in the list that was given. */
  readonly traceIndex: number;
  /** The place of the span in the columns of that trace. */
  readonly spanIndex: number;
}

/** A link whose both sides are there: the message of one trace that another one works on. */
export interface FollowedLink {
  /** The span that the link points to, such as that of a producer. */
  readonly from: SpanOfTrace;
  /** The span that has the link, such as that of a consumer. */
  readonly to: SpanOfTrace;
  /** From the end of the one to the begin of the other: the time in the queue; 0 where it began before that end. */
  readonly waitNs: number;
}

/** A link to a span that is not among the traces. */
export interface OpenLink {
  /** As it stands in the link; `missingTraceIds` has it normalised. */
  readonly traceId: string;
  readonly spanId: string;
  readonly to: SpanOfTrace;
}

/** See `followLinks`. */
export interface LinkedTraces {
  readonly traces: readonly Trace[];
  /** In the order of the traces, and of their spans, that have the links. */
  readonly links: readonly FollowedLink[];
  readonly openLinks: readonly OpenLink[];
  /** Traces that links point to and that are not there, each once: fetch them to follow these links as well. */
  readonly missingTraceIds: readonly string[];
}

/**
 * Connects traces by the links of their spans, as a queue leaves them: a consumer begins a trace of its own and links
 * to the span that sent its message. Of several traces with one ID the first counts. Links to a span of the same trace
 * are connected as well. Takes linear time in the number of spans and links.
 *
 * @example
 * const client = new ApiClient('http://127.0.0.1:4319');
 * let linked = followLinks([trace]);
 * const more = await Promise.all(linked.missingTraceIds.map((id) => client.trace(id)));
 * linked = followLinks([trace, ...more.map((data) => traceFromOtlp(data))]);
 *
 * @see https://opentelemetry.io/docs/concepts/signals/traces/#span-links
 */
export function followLinks(traces: readonly Trace[]): LinkedTraces {
  const indexOf = new Map<string, number>();
  traces.forEach(({ traceId }, index) => {
    if (!indexOf.has(traceId)) indexOf.set(traceId, index);
  });
  const links: FollowedLink[] = [];
  const openLinks: OpenLink[] = [];
  const missing = new Set<string>();
  traces.forEach((trace, traceIndex) => {
    for (let spanIndex = 0; spanIndex < trace.spanCount; spanIndex++) {
      for (const link of trace.span(spanIndex).links ?? []) {
        const to = { traceIndex, spanIndex };
        const traceId = link.traceId.toLowerCase();
        const fromTrace = indexOf.get(traceId) ?? -1;
        const fromSpan = fromTrace < 0 ? -1 : traces[fromTrace]!.find(link.spanId.toLowerCase());
        if (fromSpan < 0) {
          openLinks.push({ traceId: link.traceId, spanId: link.spanId, to });
          if (fromTrace < 0 && !/^0*$/.test(traceId)) missing.add(traceId);
          continue;
        }
        const from = { traceIndex: fromTrace, spanIndex: fromSpan };
        links.push({ from, to, waitNs: Math.max(0, nsBetween(traces, from, to)) });
      }
    }
  });
  return { traces, links, openLinks, missingTraceIds: [...missing] };
}

/** The way of work through several traces, from where it began. */
export interface Journey {
  /** The links that were followed, the first one first; none for a trace that nothing led to. */
  readonly links: readonly FollowedLink[];
  /** From the begin of the first trace's root to the end of the last one's. */
  readonly durationNs: number;
  /** Of it, between the traces. */
  readonly waitNs: number;
}

/**
 * How the work of a trace came to it: from its links back to the traces that they point to, and on from there. Where a
 * trace has several links, as one that works on a batch, the message that was sent last is followed: for the others it
 * need not have waited. Each trace is visited once, so that links that go round end.
 * @param traceIndex the trace that the journey ends in, by its place among `linked.traces`. Throws RangeError for none.
 *
 * @example
 * const [order, shipment] = [traceFromOtlp(otlpJson), trace];
 * const { durationNs, waitNs } = journeyTo(followLinks([order, shipment]), 1);
 * console.log(`shipped ${formatDuration(durationNs)} after the order, of which ${formatDuration(waitNs)} in queues`);
 */
export function journeyTo(linked: LinkedTraces, traceIndex: number): Journey {
  const last = linked.traces[traceIndex];
  if (last === undefined) throw new RangeError(`no trace ${traceIndex}`);
  const into = new Map<number, FollowedLink>();
  for (const link of linked.links) {
    if (link.from.traceIndex === link.to.traceIndex) continue;
    const known = into.get(link.to.traceIndex);
    if (known === undefined || endUnixNano(linked.traces, link.from) > endUnixNano(linked.traces, known.from)) {
      into.set(link.to.traceIndex, link);
    }
  }
  const links: FollowedLink[] = [];
  const visited = new Set([traceIndex]);
  let first = traceIndex;
  for (let link = into.get(first); link !== undefined; link = into.get(first)) {
    if (visited.has(link.from.traceIndex)) break;
    links.push(link);
    first = link.from.traceIndex;
    visited.add(first);
  }
  const root = (index: number): SpanOfTrace => ({ traceIndex: index, spanIndex: linked.traces[index]!.rootIndex });
  const isEmpty = last.rootIndex < 0 || linked.traces[first]!.rootIndex < 0;
  const ns = isEmpty
    ? 0
    : Number(endUnixNano(linked.traces, root(traceIndex)) - startUnixNano(linked.traces, root(first)));
  return {
    links: links.toReversed(),
    durationNs: Math.max(0, ns),
    waitNs: links.reduce((sum, link) => sum + link.waitNs, 0),
  };
}

function nsBetween(traces: readonly Trace[], from: SpanOfTrace, to: SpanOfTrace): number {
  return Number(startUnixNano(traces, to) - endUnixNano(traces, from));
}

/** After the correction of clocks inside of each trace; between traces there is none. */
function startUnixNano(traces: readonly Trace[], { traceIndex, spanIndex }: SpanOfTrace): bigint {
  const trace = traces[traceIndex]!;
  return trace.traceStartUnixNano + BigInt(trace.startNs[spanIndex]!);
}

function endUnixNano(traces: readonly Trace[], span: SpanOfTrace): bigint {
  return startUnixNano(traces, span) + BigInt(traces[span.traceIndex]!.durationNs[span.spanIndex]!);
}
