import { SpanIdentity } from './span-identity.ts';

import type { Span } from './span.ts';
/** A span that only carries its identity: unsampled, or of a tracer that is off. */
export class NonRecordingSpan extends SpanIdentity implements Span {
  isRecording(): boolean {
    return false;
  }
  setAttribute(): this {
    return this;
  }
  setAttributes(): this {
    return this;
  }
  addEvent(): this {
    return this;
  }
  addLink(): this {
    return this;
  }
  addLinks(): this {
    return this;
  }
  setStatus(): this {
    return this;
  }
  updateName(): this {
    return this;
  }
  recordException(): void {
    // Nothing is recorded.
  }
  end(): void {
    // Nothing was recorded.
  }
  [Symbol.dispose](): void {
    // Nothing was recorded.
  }
}

/** A span of another process, known by the headers that it sent. */
export class RemoteSpan extends NonRecordingSpan {
  override get isRemote(): boolean {
    return true;
  }
}
