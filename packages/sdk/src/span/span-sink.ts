import type { RecordingSpan } from './recording-span.ts';

/** Where ended spans go. Called synchronously by `end()`; it must not keep the span. */
export interface SpanSink {
  add(span: RecordingSpan): void;
}
