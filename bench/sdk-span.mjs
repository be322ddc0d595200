/**
 * What a span costs the application: CPU time of the whole process (garbage collection included), ours and the standard
 * SDK's in turn within one run. `node bench/sdk-span.mjs [--json FILE] [--rounds N]`, after `npm run build`.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { context, trace } from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { Tracer } from '@throughline/sdk';

const { values } = parseArgs({ options: { json: { type: 'string' }, rounds: { type: 'string', default: '9' } } });
const ROUNDS = Number(values.rounds);
const WARM_UP_ROUNDS = 2;
const SPANS_A_ROUND = 40_000;
const KEYS = [
  'http.request.method',
  'url.path',
  'server.address',
  'http.response.status_code',
  'app.user.id',
  'a',
  'b',
  'c',
  'd',
  'e',
];
const VALUES = ['GET', '/api/v1/orders', 'shop.example.com', 200, 'user-4711', 'text', 42, true, 1.5, 'more text here'];

let standardSpansEncoded = 0;

/** Encodes what it is given and throws it away: the cost up to the wire, without the wire. */
const discardingExporter = {
  export(spans, done) {
    ProtobufTraceSerializer.serializeRequest(spans);
    standardSpansEncoded += spans.length;
    done({ code: 0 });
  },
  shutdown: async () => {},
};

function standardSdk(sampler) {
  const provider = new NodeTracerProvider({
    sampler,
    spanProcessors: [new BatchSpanProcessor(discardingExporter, { maxQueueSize: 100_000, maxExportBatchSize: 512 })],
  });
  const tracer = provider.getTracer('bench');
  const run = (attributes) =>
    tracer.startActiveSpan('GET /orders', (span) => {
      for (let i = 0; i < attributes; i++) span.setAttribute(KEYS[i], VALUES[i]);
      span.end();
    });
  return { span: run, flush: () => provider.forceFlush() };
}

/** A full queue drops sealed chunks at once: everything but the POST happens. */
function throughline(sampling) {
  const tracer = new Tracer({
    register: false,
    flushOnExit: false,
    sampling,
    endpoint: 'http://127.0.0.1:9',
    maxQueueBytes: 1,
    log: () => {},
  });
  const run = (attributes) =>
    tracer.span('GET /orders', (span) => {
      for (let i = 0; i < attributes; i++) span.setAttribute(KEYS[i], VALUES[i]);
    });
  return { span: run, flush: async () => {} };
}

// The standard SDK needs its context manager registered; ours does not.
new NodeTracerProvider().register();
const rivals = {
  unsampled: { standard: standardSdk(new AlwaysOffSampler()), throughline: throughline(0) },
  recorded: { standard: standardSdk(new AlwaysOnSampler()), throughline: throughline(1) },
};
const cases = [
  ['unsampled, 5 attributes', 'unsampled', 5],
  ['recorded and encoded, 0 attributes', 'recorded', 0],
  ['recorded and encoded, 5 attributes', 'recorded', 5],
  ['recorded and encoded, 10 attributes', 'recorded', 10],
];

async function cpuNsPerSpan({ span, flush }, attributes) {
  const start = process.cpuUsage();
  for (let done = 0; done < SPANS_A_ROUND; done++) {
    span(attributes);
    if (done % 512 !== 511) continue;
    // The standard SDK encodes when it exports, and drops what it has no time for: it gets the time.
    await flush();
    await new Promise(setImmediate);
  }
  await flush();
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / SPANS_A_ROUND;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

const results = [];
for (const [name, mode, attributes] of cases) {
  const samples = { standard: [], throughline: [] };
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const rival of Object.keys(samples)) {
      const ns = await cpuNsPerSpan(rivals[mode][rival], attributes);
      if (round >= 0) samples[rival].push(ns);
    }
  }
  const standardNs = median(samples.standard);
  const throughlineNs = median(samples.throughline);
  results.push({ name, standardNs, throughlineNs, timesLess: standardNs / throughlineNs, samples });
}

const recordedCases = cases.filter(([, mode]) => mode === 'recorded').length;
if (standardSpansEncoded !== recordedCases * (ROUNDS + WARM_UP_ROUNDS) * SPANS_A_ROUND) {
  throw new Error(
    `the standard SDK encoded ${standardSpansEncoded} spans: it dropped some, and its figures are too good`,
  );
}

console.table(
  results.map(({ name, standardNs, throughlineNs, timesLess }) => ({
    'CPU ns a span': name,
    'standard SDK': Math.round(standardNs),
    throughline: Math.round(throughlineNs),
    'times less': Number(timesLess.toFixed(1)),
  })),
);
if (values.json !== undefined) {
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    date: new Date().toISOString(),
  };
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, rounds: ROUNDS, spansARound: SPANS_A_ROUND, results }, null, 2)}\n`,
  );
}
context.disable();
trace.disable();
process.exit(0);
