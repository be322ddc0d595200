/**
 * A span's single fields while it is decoded. Strings and ids are ranges of `source`, the sender's bytes; an absent
 * one is an empty range. One instance is used for all spans of a request.
 */
export class SpanFields {
  source: Uint8Array = new Uint8Array();
  traceIdStart = 0;
  traceIdEnd = 0;
  spanIdStart = 0;
  spanIdEnd = 0;
  parentSpanIdStart = 0;
  parentSpanIdEnd = 0;
  traceStateStart = 0;
  traceStateEnd = 0;
  nameStart = 0;
  nameEnd = 0;
  statusMessageStart = 0;
  statusMessageEnd = 0;
  statusCode = 0;
  kind = 0;
  /** Nanoseconds since the epoch, unsigned, in two words. */
  startLow = 0;
  startHigh = 0;
  endLow = 0;
  endHigh = 0;
  flags = 0;
  droppedAttributesCount = 0;
  droppedEventsCount = 0;
  droppedLinksCount = 0;

  reset(source: Uint8Array): void {
    this.source = source;
    this.traceIdStart = this.traceIdEnd = 0;
    this.spanIdStart = this.spanIdEnd = 0;
    this.parentSpanIdStart = this.parentSpanIdEnd = 0;
    this.traceStateStart = this.traceStateEnd = 0;
    this.nameStart = this.nameEnd = 0;
    this.statusMessageStart = this.statusMessageEnd = 0;
    this.statusCode = this.kind = 0;
    this.startLow = this.startHigh = this.endLow = this.endHigh = 0;
    this.flags = 0;
    this.droppedAttributesCount = this.droppedEventsCount = this.droppedLinksCount = 0;
  }
}

/** The same for a link. */
export interface LinkFields {
  traceIdStart: number;
  traceIdEnd: number;
  spanIdStart: number;
  spanIdEnd: number;
  traceStateStart: number;
  traceStateEnd: number;
  flags: number;
  droppedAttributesCount: number;
}
