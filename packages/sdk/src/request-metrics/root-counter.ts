import type { Clock } from '../span/clock.ts';
import type { LocalTrace } from '../span/local-trace.ts';
import type { RecordingSpan } from '../span/recording-span.ts';
import { CountedRecording } from './counted-recording.ts';
import { CountedRoot } from './counted-root.ts';
import { HTTP_RESPONSE_STATUS_CODE } from '../span/semantic-attributes.ts';
import { STATUS_ERROR, STATUS_OK } from '../span/span-status.ts';
import type { OperationCounts, StartedOperation } from './operation-counts.ts';

const TWO_POW_32 = 2 ** 32;

/** Counts local roots, recorded or not, in the request metrics. */
export class RootCounter {
  readonly #counts: OperationCounts;
  readonly #clock: Pick<Clock, 'monotonicMs'>;

  constructor(counts: OperationCounts, clock: Pick<Clock, 'monotonicMs'>) {
    this.#counts = counts;
    this.#clock = clock;
  }

  /** A local root that is not recorded. */
  startUnrecorded(trace: LocalTrace, id0: number, id1: number, name: string, kind: number): CountedRoot {
    const operation = this.start(name, kind);
    return new CountedRoot(trace, id0, id1, this, operation, name, this.#clock.monotonicMs());
  }

  /** Counts a local root that starts. */
  start(name: string, kind: number): StartedOperation {
    const operation = this.#counts.operationOf(name, kind);
    operation.started++;
    return operation;
  }

  /** Other spans than local roots are not counted. */
  endRecorded(span: RecordingSpan): void {
    if (!(span instanceof CountedRecording)) return;
    const durationNs = (span.endHigh - span.startHigh) * TWO_POW_32 + (span.endLow >>> 0) - (span.startLow >>> 0);
    this.#counts.end(span.operation, span.name, statusOf(span), durationNs);
  }

  ended(operation: StartedOperation, name: string, status: number, startMs: number): void {
    this.#counts.end(operation, name, status, (this.#clock.monotonicMs() - startMs) * 1e6);
  }
}

/** ERROR for a server's response of 5xx too. */
function statusOf(span: RecordingSpan): number {
  const status = span.details?.statusCode ?? 0;
  if (status === STATUS_OK || status === STATUS_ERROR) return status;
  const { flatAttributes: attributes, attributesLength } = span;
  for (let i = 0; i < attributesLength; i += 2) {
    if (attributes[i] === HTTP_RESPONSE_STATUS_CODE) return Number(attributes[i + 1]) >= 500 ? STATUS_ERROR : status;
  }
  return status;
}
