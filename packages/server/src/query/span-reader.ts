import type { Span, SpanEvent, SpanLink, SpanStatus } from '@throughline/trace';
import { storedAttributes, attributesBetween, rowAttributes } from './stored-attributes.ts';
import type { NativeBlock } from './native-columns.ts';

export const NO_PARENT = '0'.repeat(16);

/** Reads the spans of one block as OTLP JSON; members at their protobuf default are omitted, as by OTLP's encoders. */
export class SpanReader {
  readonly #columns: ReturnType<typeof spanColumns>;

  constructor(block: NativeBlock) {
    this.#columns = spanColumns(block);
  }

  read(row: number): Span {
    const columns = this.#columns;
    const parentSpanId = columns.parentSpanId.hex(row);
    const traceState = columns.traceState.text(row);
    const flags = columns.flags.at(row);
    const kind = columns.kind.at(row);
    const startNs = columns.startNs.at(row);
    const attributes = rowAttributes(columns.attributes, row);
    const droppedAttributesCount = columns.droppedAttributes.at(row);
    const events = this.#events(row);
    const droppedEventsCount = columns.droppedEvents.at(row);
    const links = this.#links(row);
    const droppedLinksCount = columns.droppedLinks.at(row);
    const status = this.#status(row);
    return {
      traceId: columns.traceId.hex(row),
      spanId: columns.spanId.hex(row),
      ...(parentSpanId !== NO_PARENT && { parentSpanId }),
      ...(traceState !== '' && { traceState }),
      ...(flags > 0 && { flags }),
      name: columns.name.text(row),
      ...(kind > 0 && { kind }),
      startTimeUnixNano: String(startNs),
      endTimeUnixNano: unsigned(startNs + columns.durationNs.at(row)),
      ...(attributes.length > 0 && { attributes }),
      ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
      ...(events.length > 0 && { events }),
      ...(droppedEventsCount > 0 && { droppedEventsCount }),
      ...(links.length > 0 && { links }),
      ...(droppedLinksCount > 0 && { droppedLinksCount }),
      ...(status !== null && { status }),
    };
  }

  #status(row: number): SpanStatus | null {
    const code = this.#columns.statusCode.at(row);
    const message = this.#columns.statusMessage.text(row);
    if (code === 0 && message === '') return null;
    return { ...(message !== '' && { message }), ...(code > 0 && { code }) };
  }

  #events(row: number): SpanEvent[] {
    const { eventNs, eventName, eventDropped, eventAttributeCount, eventAttributes } = this.#columns;
    const events: SpanEvent[] = [];
    let attributesFrom = eventAttributes.keys.from(row);
    for (let i = eventNs.from(row); i < eventNs.to(row); i++) {
      const attributesTo = attributesFrom + eventAttributeCount.values.at(i);
      const attributes = attributesBetween(eventAttributes, attributesFrom, attributesTo);
      attributesFrom = attributesTo;
      const droppedAttributesCount = eventDropped.values.at(i);
      events.push({
        timeUnixNano: unsigned(eventNs.values.at(i)),
        name: eventName.values.text(i),
        ...(attributes.length > 0 && { attributes }),
        ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
      });
    }
    return events;
  }

  #links(row: number): SpanLink[] {
    const { linkTraceId, linkSpanId, linkTraceState, linkFlags, linkDropped, linkAttributeCount, linkAttributes } =
      this.#columns;
    const links: SpanLink[] = [];
    let attributesFrom = linkAttributes.keys.from(row);
    for (let i = linkTraceId.from(row); i < linkTraceId.to(row); i++) {
      const attributesTo = attributesFrom + linkAttributeCount.values.at(i);
      const attributes = attributesBetween(linkAttributes, attributesFrom, attributesTo);
      attributesFrom = attributesTo;
      const traceState = linkTraceState.values.text(i);
      const droppedAttributesCount = linkDropped.values.at(i);
      const flags = linkFlags.values.at(i);
      links.push({
        traceId: linkTraceId.values.hex(i),
        spanId: linkSpanId.values.hex(i),
        ...(traceState !== '' && { traceState }),
        ...(attributes.length > 0 && { attributes }),
        ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
        ...(flags > 0 && { flags }),
      });
    }
    return links;
  }
}

function spanColumns(block: NativeBlock) {
  return {
    traceId: block.strings('trace_id'),
    spanId: block.strings('span_id'),
    parentSpanId: block.strings('parent_span_id'),
    name: block.strings('name'),
    kind: block.ints('kind'),
    statusCode: block.ints('status_code'),
    statusMessage: block.strings('status_message'),
    startNs: block.bigints('start_ns'),
    durationNs: block.bigints('duration_ns'),
    traceState: block.strings('trace_state'),
    flags: block.ints('flags'),
    droppedAttributes: block.ints('dropped_attributes'),
    droppedEvents: block.ints('dropped_events'),
    droppedLinks: block.ints('dropped_links'),
    attributes: storedAttributes(block, 'attrs'),
    eventNs: block.bigintArrays('ev_ns'),
    eventName: block.stringArrays('ev_name'),
    eventDropped: block.intArrays('ev_dropped'),
    eventAttributeCount: block.intArrays('ev_attr_n'),
    eventAttributes: storedAttributes(block, 'ev'),
    linkTraceId: block.stringArrays('link_trace_id'),
    linkSpanId: block.stringArrays('link_span_id'),
    linkTraceState: block.stringArrays('link_trace_state'),
    linkFlags: block.intArrays('link_flags'),
    linkDropped: block.intArrays('link_dropped'),
    linkAttributeCount: block.intArrays('link_attr_n'),
    linkAttributes: storedAttributes(block, 'link'),
  };
}

/** OTLP's times are unsigned; the columns hold the same 64 bits as signed numbers. */
function unsigned(bits: bigint): string {
  return String(BigInt.asUintN(64, bits));
}
