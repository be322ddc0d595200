/** The thread that decodes large JSON bodies: one request at a time, from its bytes to Native bytes. */
import { parentPort, workerData } from 'node:worker_threads';
import { ByteBuffer } from '../ingest/growable.ts';
import { Refusals } from '../ingest/ingest.ts';
import { writeNativeBlock } from '../ingest/native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../ingest/result.ts';
import { RollupBounds } from '../ingest/rollup-bounds.ts';
import { SpanBlock } from '../ingest/span-block.ts';
import { countJsonRecords } from './count-records.ts';
import type { JsonAnswer, JsonJob, JsonOutcome, JsonThreadData } from './json-protocol.ts';
import { decodeOtlpJson } from './otlp-json.ts';

const { limits, rollupLimits, objectsMax, seed } = workerData as JsonThreadData;
const block = new SpanBlock(seed, limits);
/** Apart from those of the thread that takes the other requests: together they tell twice as many names apart at most. */
const bounds = new RollupBounds(rollupLimits);

parentPort?.on('message', (job: JsonJob) => {
  const outcome = decode(job);
  const native = outcome.kind === 'decoded' ? [outcome.spans.native.buffer as ArrayBuffer] : [];
  const { memory } = job;
  parentPort?.postMessage({ outcome, memory } satisfies JsonAnswer, [memory, ...native]);
});

function decode({ memory, length, signal, earliestSecond, latestSecond }: JsonJob): JsonOutcome {
  const refusals = new Refusals();
  const body = new Uint8Array(memory, 0, length);
  block.clear();
  block.mark(earliestSecond, latestSecond);
  try {
    if (signal !== 'traces') return { kind: 'counted', signal, records: countJsonRecords(body, signal, objectsMax) };
    decodeOtlpJson(body, block, refusals, objectsMax);
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
    refused: refusals.summary,
    losses: block.losses.counts,
    message: block.losses.message,
  };
  return { kind: 'decoded', spans };
}
