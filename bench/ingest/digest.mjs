/**
 * What knowing a repeated request costs beside decoding it, in this process: CPU time a span, as it is and with the digest of the
 * body in front, in turn. `node bench/ingest/digest.mjs [--rounds N]`, after `npm run build`.
 */
import { parseArgs } from 'node:util';
import { RejectedSpans } from '../../packages/server/dist/columns/rejected-spans.js';
import { INGEST_LIMITS } from '../../packages/server/dist/ingest/limits.js';
import { RecentRequests } from '../../packages/server/dist/ingest/recent-requests.js';
import { SpanBlock } from '../../packages/server/dist/columns/span-block.js';
import { BodyMemory } from '../../packages/server/dist/receivers/body/body.js';
import { decodeOtlp } from '../../packages/server/dist/receivers/otlp/decode-otlp.js';
import { RequestTemplate, SPANS_PER_REQUEST } from './payload.mjs';
import { median, round } from './statistics.mjs';

const REQUESTS_PER_ROUND = 200;
const WARM_UP_ROUNDS = 3;
/** As they come from a socket. */
const PART_BYTES = 65_536;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const templates = Array.from({ length: REQUESTS_PER_ROUND }, (_, number) => new RequestTemplate(number));
const block = new SpanBlock(0x9e3779b9);
const memory = new BodyMemory();
const requests = new RecentRequests({ registry: { registerMetric() {}, getSingleMetric() {} }, limits: INGEST_LIMITS });

/** Returns CPU µs a span. Every request is a new one. */
async function measure(isKnownByDigest) {
  const before = process.cpuUsage();
  for (let request = 0; request < REQUESTS_PER_ROUND; request++) {
    const parts = partsOf(templates[request].bytes);
    const store = async () => {
      block.clear();
      block.mark();
      decodeOtlp(memory.join(parts, templates[request].bytes.length), block, new RejectedSpans());
      return { kind: 'stored', acceptedSpans: block.rowCount, rejectedSpans: 0, message: '' };
    };
    if (isKnownByDigest) await requests.once(parts, store);
    else await store();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (REQUESTS_PER_ROUND * SPANS_PER_REQUEST);
}

/** Copied a moment before, as what has been read from a socket. */
function partsOf(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) parts.push(Buffer.from(bytes.subarray(at, at + PART_BYTES)));
  return parts;
}

const samples = { plainUs: [], digestUs: [] };
let stamp = 0;
for (let pass = -WARM_UP_ROUNDS; pass < Number(values.rounds); pass++) {
  for (const part of Object.keys(samples)) {
    for (const template of templates) template.stamp(1, (stamp += 1), Date.now());
    const sample = await measure(part === 'digestUs');
    if (pass >= 0) samples[part].push(sample);
  }
}
const [plainUs, digestUs] = [median(samples.plainUs), median(samples.digestUs)];
const bytesASpan = round(templates[0].bytes.length / SPANS_PER_REQUEST, 1);
console.log(
  JSON.stringify({ plainUs: round(plainUs, 3), digestUs: round(digestUs, 3), bytesASpan, repeats: requests.repeated }),
);
