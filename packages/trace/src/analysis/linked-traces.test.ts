import { describe, expect, it } from 'vitest';
import type { SpanLink, TracesData } from '../otlp.ts';
import { aTrace, at, type SpanPlan, spansOf } from '../testing/a-trace.ts';
import { type Trace, traceFromOtlp } from '../tree/trace.ts';
import { followLinks, journeyTo } from './linked-traces.ts';

const idOf = (number: number): string => number.toString(16).padStart(32, '0');
const spanIdOf = (number: number): string => number.toString(16).padStart(16, '0');

/** A trace with an ID of its own, whose first span has links to the first spans of others. */
function linked(number: number, plan: SpanPlan, ...links: (SpanLink | number)[]): Trace {
  const data: TracesData = aTrace(plan);
  for (const span of spansOf(data)) span.traceId = idOf(number);
  at(spansOf(data), 0).links = links.map((link) =>
    typeof link === 'number' ? { traceId: idOf(link), spanId: spanIdOf(1) } : link,
  );
  return traceFromOtlp(data);
}

const span = (name: string, from: number, to: number): SpanPlan => ({ service: name, name, from, to });

describe('links between traces', () => {
  it('lead from a message to who works on it, with the wait between', () => {
    const order = linked(1, span('order', 0, 100));
    const shipment = linked(2, span('ship', 350, 400), 1);
    const { links, openLinks, missingTraceIds } = followLinks([shipment, order]);
    expect(links).toEqual([
      { from: { traceIndex: 1, spanIndex: 0 }, to: { traceIndex: 0, spanIndex: 0 }, waitNs: 250e6 },
    ]);
    expect([openLinks, missingTraceIds]).toEqual([[], []]);
    // A consumer that began before its producer's span had ended has not waited.
    expect(followLinks([order, linked(2, span('ship', 90, 400), 1)]).links[0]?.waitNs).toBe(0);
  });

  it('name the traces that are missing, each once, and the spans that are', () => {
    const known = linked(1, span('order', 0, 100));
    const elsewhere = { traceId: idOf(0xab).toUpperCase(), spanId: spanIdOf(1) };
    const unknownSpan = { traceId: idOf(1), spanId: spanIdOf(99) };
    const none = { traceId: '', spanId: '' };
    const batch = linked(2, span('batch', 200, 300), elsewhere, elsewhere, unknownSpan, none);
    const { links, openLinks, missingTraceIds } = followLinks([known, batch]);
    expect(links).toEqual([]);
    expect(openLinks).toHaveLength(4);
    expect(missingTraceIds).toEqual([idOf(0xab)]);
  });

  it('are followed back to where the work began', () => {
    const traces = [
      linked(1, span('order', 0, 100)),
      linked(2, span('pay', 300, 400), 1),
      linked(3, span('ship', 1_000, 1_500), 2),
    ];
    const journey = journeyTo(followLinks(traces), 2);
    expect(journey.links.map(({ from, to }) => [from.traceIndex, to.traceIndex])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect([journey.durationNs / 1e6, journey.waitNs / 1e6]).toEqual([1_500, 800]);
    expect(journeyTo(followLinks(traces), 0)).toEqual({ links: [], durationNs: 100e6, waitNs: 0 });
  });

  it('of a batch are followed to the message that was sent last', () => {
    const traces = [
      linked(1, span('early', 0, 100)),
      linked(2, span('late', 150, 180)),
      linked(3, span('batch', 200, 300), 1, 2, 1),
    ];
    const journey = journeyTo(followLinks(traces), 2);
    expect(journey.links.map(({ from }) => from.traceIndex)).toEqual([1]);
    expect(journey.waitNs / 1e6).toBe(20);
  });

  it('that go round, or to the trace itself, end', () => {
    const traces = [
      linked(1, span('a', 0, 10), 3),
      linked(2, span('b', 20, 30), 1),
      linked(3, span('c', 40, 50), 2, 3),
    ];
    expect(followLinks(traces).links).toHaveLength(4);
    expect(journeyTo(followLinks(traces), 2).links.map(({ to }) => to.traceIndex)).toEqual([1, 2]);
  });

  it('of no trace, or of empty ones, are none', () => {
    const empty = traceFromOtlp({ resourceSpans: [] });
    expect(journeyTo(followLinks([empty]), 0)).toEqual({ links: [], durationNs: 0, waitNs: 0 });
    expect(() => journeyTo(followLinks([]), 0)).toThrow(RangeError);
  });
});
