import type { LocalTrace } from '../local-trace.ts';
import type { SpanIdentity } from '../span-identity.ts';
import type { InstrumentationScope, SpanRecorder } from '../span-recorder.ts';
import { RecordingSpan } from '../span.ts';
import type { StartedOperation } from './operation-counts.ts';

/** A local root that is recorded and counted. A class of its own, since a map from spans to operations costs 400 ns a span. */
export class CountedRecording extends RecordingSpan {
  declare readonly operation: StartedOperation;

  constructor(
    recorder: SpanRecorder,
    scope: InstrumentationScope,
    trace: LocalTrace,
    id0: number,
    id1: number,
    parent: SpanIdentity | undefined,
    name: string,
    kind: number,
    startHigh: number,
    startLow: number,
    operation: StartedOperation,
  ) {
    super(recorder, scope, trace, id0, id1, parent, name, kind, startHigh, startLow);
    this.operation = operation;
  }
}
