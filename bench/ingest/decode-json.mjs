/**
 * What decoding a JSON body costs, in this process, walked over as bytes and parsed into objects in turn: CPU µs a span,
 * garbage collection included. `node bench/ingest/decode-json.mjs [--rounds N]`, after `npm run build`.
 */
import { parseArgs } from 'node:util';
import { RejectedSpans } from '../../packages/server/dist/columns/rejected-spans.js';
import { SpanBlock } from '../../packages/server/dist/columns/span-block.js';
import { parseJson } from '../../packages/server/dist/receivers/otlp-json/json-object.js';
import { decodeJsonTree } from '../../packages/server/dist/receivers/otlp-json/otlp-json-tree.js';
import { decodeOtlpJson } from '../../packages/server/dist/receivers/otlp-json/decode-otlp-json.js';
import { JsonTemplate } from './json-template.mjs';
import { RequestTemplate, SPANS_PER_REQUEST } from './payload.mjs';
import { median, round } from './statistics.mjs';

const BODIES = 10;
const DECODES_PER_ROUND = 20;
const REQUESTS_PER_BLOCK = 8;
const WARM_UP_ROUNDS = 6;

/** The same requests as others write them. */
const STYLES = {
  'as SDKs write it': (text) => text,
  'a space behind each colon and comma': (text) => JSON.stringify(JSON.parse(text), null, 1).replaceAll(/\n\s*/g, ' '),
  'indented by two': (text) => JSON.stringify(JSON.parse(text), null, 2),
  'solidi escaped': (text) => text.replaceAll('/', String.raw`\/`),
  'doubles for integers': (text) => text.replaceAll(/"intValue":"(\d+)"/g, '"doubleValue":$1.5'),
};

const decoders = {
  walked: (body, block) => decodeOtlpJson(body, block, new RejectedSpans()),
  parsed: (body, block) => decodeJsonTree(parseJson(body), block, new RejectedSpans()),
};

function decodeUs(decode, bodies) {
  const block = new SpanBlock(0x9e3779b9);
  const before = process.cpuUsage();
  for (let count = 0; count < DECODES_PER_ROUND; count++) {
    block.mark();
    decode(bodies[count % BODIES], block);
    if (count % REQUESTS_PER_BLOCK === REQUESTS_PER_BLOCK - 1) block.clear();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / DECODES_PER_ROUND / SPANS_PER_REQUEST;
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } });
const texts = Array.from({ length: BODIES }, (_, number) => {
  const template = new JsonTemplate(new RequestTemplate(number));
  template.stamp(1, number, Date.now());
  return template.bytes.toString();
});
for (const [style, write] of Object.entries(STYLES)) {
  const bodies = texts.map((text) => Buffer.from(write(text)));
  const samples = { walked: [], parsed: [] };
  for (let pass = -WARM_UP_ROUNDS; pass < Number(values.rounds); pass++) {
    const names = pass % 2 === 0 ? ['walked', 'parsed'] : ['parsed', 'walked'];
    for (const name of names) {
      const us = decodeUs(decoders[name], bodies);
      if (pass >= 0) samples[name].push(us);
    }
  }
  const bytesASpan = Math.round(bodies[0].length / SPANS_PER_REQUEST);
  const walkedUs = round(median(samples.walked), 2);
  const parsedUs = round(median(samples.parsed), 2);
  console.log(JSON.stringify({ style, bytesASpan, walkedUs, parsedUs }));
}
