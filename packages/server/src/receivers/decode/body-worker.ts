/** The thread that decodes large bodies: one request at a time, from its bytes to Native bytes. */
import { parentPort, workerData } from 'node:worker_threads';
import { ByteBuffer } from '../../columns/growable-buffers.ts';
import { RejectedSpans } from '../../columns/rejected-spans.ts';
import { writeNativeBlock } from '../../columns/write-native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../../columns/ingest-result.ts';
import { RollupBounds } from '../../columns/rollup-bounds.ts';
import { SpanBlock } from '../../columns/span-block.ts';
import type { BodyResponse, BodyJob, BodyOutcome, BodyThreadData } from './body-thread-messages.ts';
import { countJsonRecords, countProtobufRecords } from './count-records.ts';
import { decodeOtlp } from '../otlp/decode-otlp.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';

const { limits, rollupLimits, seed } = workerData as BodyThreadData;
const block = new SpanBlock(seed, limits);
/**
 * Apart from those of the thread that takes the other requests: together they distinguish twice as many names at most.
 */
const bounds = new RollupBounds(rollupLimits);

parentPort?.on('message', (job: BodyJob) => {
  const outcome = decode(job);
  const native = outcome.kind === 'decoded' ? [outcome.spans.native.buffer as ArrayBuffer] : [];
  const { memory } = job;
  parentPort?.postMessage({ outcome, memory } satisfies BodyResponse, [memory, ...native]);
});

function decode({ memory, length, encoding, signal, objectsMax, earliestSecond, latestSecond }: BodyJob): BodyOutcome {
  const rejected = new RejectedSpans();
  const body = new Uint8Array(memory, 0, length);
  block.clear();
  block.mark(earliestSecond, latestSecond);
  try {
    if (signal !== 'traces') {
      const isJson = encoding === 'json';
      const records = isJson ? countJsonRecords(body, signal, objectsMax) : countProtobufRecords(body, signal);
      return { kind: 'counted', signal, records };
    }
    if (encoding === 'json') decodeOtlpJson(body, block, rejected, objectsMax);
    else decodeOtlp(body, block, rejected);
  } catch (error) {
    if (error instanceof RequestTooLargeError) return { kind: 'tooLarge', limit: error.limit, message: error.message };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof MalformedRequestError ? 'malformed' : 'failed', message };
  }
  // A buffer of its own: it is handed over.
  const native = new ByteBuffer();
  const others = bounds.otherSpans;
  if (block.rowCount > 0) writeNativeBlock(block, native, bounds);
  const spans = {
    native: native.content(),
    rows: block.rowCount,
    seconds: block.startRange,
    otherSpans: bounds.otherSpans - others,
    rejected: rejected.summary,
    losses: block.losses.counts,
    message: block.losses.message,
  };
  return { kind: 'decoded', spans };
}
