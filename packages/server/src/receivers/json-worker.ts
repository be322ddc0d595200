/** The thread that decodes large JSON bodies: one request at a time, from its bytes to Native bytes. */
import { parentPort, workerData } from 'node:worker_threads';
import { ByteBuffer } from '../ingest/growable.ts';
import { Refusals } from '../ingest/ingest.ts';
import { writeNativeBlock } from '../ingest/native-block.ts';
import { MalformedRequestError, RequestTooLargeError } from '../ingest/result.ts';
import { SpanBlock } from '../ingest/span-block.ts';
import type { JsonJob, JsonOutcome, JsonThreadData } from './json-protocol.ts';
import { decodeOtlpJson } from './otlp-json.ts';

const { limits, objectsMax, seed } = workerData as JsonThreadData;
const block = new SpanBlock(seed, limits);

parentPort?.on('message', (job: JsonJob) => {
  const outcome = decode(job);
  const bytes = outcome.kind === 'decoded' ? [outcome.spans.native.buffer as ArrayBuffer] : [];
  parentPort?.postMessage(outcome, bytes);
});

function decode({ body, earliestSecond, latestSecond }: JsonJob): JsonOutcome {
  const refusals = new Refusals();
  block.clear();
  block.mark(earliestSecond, latestSecond);
  try {
    decodeOtlpJson(body, block, refusals, objectsMax);
  } catch (error) {
    if (error instanceof RequestTooLargeError) return { kind: 'tooLarge', limit: error.limit, message: error.message };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: error instanceof MalformedRequestError ? 'malformed' : 'failed', message };
  }
  // A buffer of its own: it is handed over.
  const native = new ByteBuffer();
  if (block.rowCount > 0) writeNativeBlock(block, native);
  const spans = {
    native: native.content(),
    rows: block.rowCount,
    refused: refusals.summary,
    losses: block.losses.counts,
    message: block.losses.message,
  };
  return { kind: 'decoded', spans };
}
