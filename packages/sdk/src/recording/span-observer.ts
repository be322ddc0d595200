import type { ActiveContext } from '../context/active-context.ts';
import type { RecordingSpan } from '../span/recording-span.ts';

/** Sees every recorded span: the processors of OpenTelemetry, where there are any. Nothing of it throws. */
export interface SpanObserver {
  /** `active` is what was active. */
  start(span: RecordingSpan, active: ActiveContext | undefined): void;
  /** It can still be changed. */
  ending(span: RecordingSpan): void;
  end(span: RecordingSpan): void;
}
