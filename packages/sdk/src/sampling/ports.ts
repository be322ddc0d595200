import type { PostResult } from '../export/transport/post-result.ts';

/**
 * The first span of a trace in this process, before it starts, as policies see it. The same object is used for every
 * decision: it is valid during the call alone.
 */
export interface StartingSpan {
  /** The tracer's `service`. */
  readonly service: string;
  /** The span's name at its start. */
  readonly name: string;
  /** `SpanKind` of OpenTelemetry's API. */
  readonly kind: number;
  /** As the application gave them for the start; what is set later is not known yet. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Sends one message to the collector's sampling endpoint. Never rejects. */
export type ExchangePost = (body: string) => Promise<PostResult>;
