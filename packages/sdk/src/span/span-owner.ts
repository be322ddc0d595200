import type { TracerCounters } from '../runtime/tracer-stats.ts';
import type { ReadableResource } from './readable-span.ts';
import type { SpanIdentity } from './span-identity.ts';
import type { SpanLimits } from './span-limits.ts';

/** What a span needs of whoever records it. */
export interface SpanOwner {
  readonly limits: SpanLimits;
  readonly counters: TracerCounters;
  /** Called with a span that is about to end, while it can still be changed. */
  readonly processors: { ending(span: SpanIdentity): void } | undefined;
  /** As the standard SDK's spans show it. */
  readonly resource: ReadableResource;
  /** Takes a span that has just ended. */
  record(span: SpanIdentity): void;
  /** A span of another implementation or process, by its context; `undefined` when that is not valid. */
  identityOf(context: unknown): SpanIdentity | undefined;
}
