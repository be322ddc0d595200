/** Why a finished span did not reach the collector. */
export type DropReason =
  /** `maxQueueBytes` were waiting already. */
  | 'queue_full'
  /** `limits.liveSpanLimit` spans had not ended: this one was not recorded. It is not among those that have ended. */
  | 'limit'
  /** Every attempt failed, or the response was final. */
  | 'export_failed'
  /** The collector took the request but not this span (partial success). */
  | 'rejected'
  /** The tracer has no exporter (`exporter: 'none'`). */
  | 'no_exporter'
  /** It ended after, or was still waiting when, the tracer shut down. */
  | 'shutdown';

/**
 * A moment's view of a tracer's counters, in spans unless the name has another unit. All but `live`, `pendingSpans` and
 * `pendingBytes` only grow.
 */
export interface TracerStats {
  /** Every span, sampled or not; a child that shares its unsampled parent's span is not one. */
  readonly started: number;
  /** Spans that are recorded for the exporter. */
  readonly sampled: number;
  /** Sampled spans that have ended. */
  readonly ended: number;
  /** Recorded spans that have not ended yet. */
  readonly live: number;
  /** Sampled spans that were garbage-collected without `end()`, as far as they were watched. */
  readonly unended: number;
  /** Spans that the collector accepted. */
  readonly exported: number;
  /** By reason. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Spans that a registered SpanExporter did not take or failed to send; our own export is counted apart. */
  readonly processorDropped: number;
  /** Ended, and neither exported nor dropped yet. */
  readonly pendingSpans: number;
  /** Encoded spans that wait or are under way. */
  readonly pendingBytes: number;
  /** Bytes of the requests that the collector accepted. */
  readonly exportedBytes: number;
  /** Requests that failed and were sent again. */
  readonly retries: number;
  /** Spans above `spanBytesLimit`, exported without their details. */
  readonly strippedSpans: number;
  /** Attributes refused because key or value was nothing that OTLP can carry. */
  readonly invalidAttributes: number;
  /** Sampling policies that threw or returned nonsense, and counts or metrics that did not arrive. */
  readonly samplingFailures: number;
  /** Spans above a strict rate limit: those that sampled traces recorded beyond what was expected of them. */
  readonly samplingExcessSpans: number;
  /** What went wrong last, in words; it stays when the trouble is over. */
  readonly lastError: string | undefined;
}

/** The counters behind `TracerStats`: plain fields, because they are touched on every span. */
export class TracerCounters {
  started = 0;
  sampled = 0;
  live = 0;
  unended = 0;
  processorDropped = 0;
  ended = 0;
  exported = 0;
  exportedBytes = 0;
  retries = 0;
  strippedSpans = 0;
  invalidAttributes = 0;
  samplingFailures = 0;
  samplingExcessSpans = 0;
  lastError: string | undefined = undefined;
  readonly dropped: Record<DropReason, number> = {
    queue_full: 0,
    limit: 0,
    export_failed: 0,
    rejected: 0,
    no_exporter: 0,
    shutdown: 0,
  };

  /** Those of the spans that have ended. */
  droppedSpans(): number {
    const { queue_full, export_failed, rejected, no_exporter, shutdown } = this.dropped;
    return queue_full + export_failed + rejected + no_exporter + shutdown;
  }

  /** Those that were meant to arrive somewhere and never will. */
  lostSpans(): number {
    const { queue_full, export_failed, rejected } = this.dropped;
    return queue_full + export_failed + rejected + this.processorDropped;
  }

  snapshot(pendingBytes: number): TracerStats {
    const { dropped, ...counters } = this;
    return {
      ...counters,
      dropped: { ...dropped },
      pendingSpans: this.ended - this.exported - this.droppedSpans(),
      pendingBytes,
    };
  }
}
