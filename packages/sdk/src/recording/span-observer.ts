import type { Stored } from '../context/context.ts';
import type { RecordingSpan } from '../span/recording-span.ts';

/** Sees every recorded span: the processors of OpenTelemetry, where there are any. Nothing of it throws. */
export interface SpanObserver {
  /** `stored` is what was active. */
  start(span: RecordingSpan, stored: Stored | undefined): void;
  /** It can still be changed. */
  ending(span: RecordingSpan): void;
  end(span: RecordingSpan): void;
}
