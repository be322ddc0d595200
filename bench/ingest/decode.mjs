/**
 * What decoding and encoding cost, in this process: CPU time from a request's bytes to Native bytes, garbage collection
 * included. `node bench/ingest/decode.mjs [--rounds N]`, after `npm run build`.
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { decodeOtlp } from '../../packages/server/dist/receivers/otlp/decode-otlp.js';
import { ByteBuffer } from '../../packages/server/dist/columns/growable-buffers.js';
import { RejectedSpans } from '../../packages/server/dist/columns/rejected-spans.js';
import { writeNativeBlock } from '../../packages/server/dist/columns/write-native-block.js';
import { SpanBlock } from '../../packages/server/dist/columns/span-block.js';
import { RequestTemplate, SPANS_PER_REQUEST } from './payload.mjs';
import { median, round } from './statistics.mjs';

/** As many as share a commit when the collector is busy. */
const REQUESTS_PER_BLOCK = 8;
const BLOCKS_PER_ROUND = 24;
const SPANS_PER_ROUND = BLOCKS_PER_ROUND * REQUESTS_PER_BLOCK * SPANS_PER_REQUEST;
const WARM_UP_ROUNDS = 3;

/** Medians in CPU µs a span, of `rounds` rounds. */
export function measureDecode(rounds) {
  const templates = Array.from({ length: 60 }, (_, number) => new RequestTemplate(number));
  for (const [number, template] of templates.entries()) template.stamp(1, number, Date.now());
  const block = new SpanBlock(0x9e3779b9);
  const native = new ByteBuffer();
  const samples = { decodeUs: [], encodeUs: [] };
  let next = 0;
  let nativeBytes = 0;
  for (let pass = -WARM_UP_ROUNDS; pass < rounds; pass++) {
    let spansWritten = 0;
    const spent = { decodeUs: 0, encodeUs: 0 };
    const timed = (part, work) => {
      const before = process.cpuUsage();
      work();
      const { user, system } = process.cpuUsage(before);
      spent[part] += user + system;
    };
    for (let count = 0; count < BLOCKS_PER_ROUND; count++) {
      timed('decodeUs', () => {
        for (let request = 0; request < REQUESTS_PER_BLOCK; request++) {
          block.mark();
          decodeOtlp(templates[next++ % templates.length].bytes, block, new RejectedSpans());
        }
      });
      timed('encodeUs', () => {
        native.clear();
        writeNativeBlock(block, native);
        nativeBytes = native.length;
        spansWritten += block.rowCount;
        block.clear();
      });
    }
    if (spansWritten !== SPANS_PER_ROUND) throw new Error(`${spansWritten} of ${SPANS_PER_ROUND} spans were decoded`);
    if (pass < 0) continue;
    for (const part of Object.keys(samples)) samples[part].push(spent[part] / SPANS_PER_ROUND);
  }
  const decodeUs = median(samples.decodeUs);
  const encodeUs = median(samples.encodeUs);
  return {
    decodeUs: round(decodeUs, 3),
    encodeUs: round(encodeUs, 3),
    togetherUs: round(decodeUs + encodeUs, 3),
    lowestTogetherUs: round(Math.min(...samples.decodeUs) + Math.min(...samples.encodeUs), 3),
    requestBytesASpan: round(templates[0].bytes.length / SPANS_PER_REQUEST, 1),
    nativeBytesASpan: round(nativeBytes / (REQUESTS_PER_BLOCK * SPANS_PER_REQUEST), 1),
    samples,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
  const { samples, ...figures } = measureDecode(Number(values.rounds));
  console.log(JSON.stringify({ ...figures, rounds: samples.decodeUs.length }));
}
