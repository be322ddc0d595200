/**
 * One tracer that sends spans over the wire at a steady rate: `wire-worker.mjs RIVAL PORT RATE SECONDS BATCH_SPANS [DD_TRACE_PATH]`. Prints CPU
 * time and memory as JSON when everything is sent. BATCH_SPANS is the number of spans a request, 0 for as many as 256 KiB hold.
 */
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const [rival, port, rate, seconds, batch, ddTracePath] = process.argv.slice(2);
const batchSpans = Number(batch);
const url = `http://127.0.0.1:${port}`;
const ATTRIBUTES = { 'http.request.method': 'GET', 'url.path': '/api/v1/orders', 'server.address': 'shop.example.com' };

/** As many spans a request as ours has by default. */
const SPANS_IN_256_KIB = 1200;

let turn = 0;
function annotate(set) {
  for (const key in ATTRIBUTES) set(key, ATTRIBUTES[key]);
  set('http.response.status_code', 200);
  set('app.user.id', `user-${turn++ & 1023}`);
}

const withoutSpan = () => annotate(() => {});
const fill = (span) => annotate((key, value) => span.setAttribute(key, value));
const fillTags = (span) => annotate((key, value) => span.setTag(key, value));
const fillAndEnd = (span) => {
  fill(span);
  span.end();
};

/** Ours, over its own sockets or, with an agent, over `node:http`. */
async function throughline(agent) {
  const { Tracer } = await import('@throughline/sdk');
  const maxExportBatchSize = batchSpans || undefined;
  const tracer = new Tracer({
    register: false,
    flushOnExit: false,
    endpoint: url,
    scheduledDelayMillis: 1000,
    maxExportBatchSize,
    agent,
  });
  const end = async () => {
    await tracer.shutdown();
    agent?.destroy();
  };
  return { span: () => tracer.span('GET /orders', fill), end, stats: () => tracer.stats() };
}

const tracers = {
  throughline: () => throughline(undefined),
  'throughline over node:http': () => throughline(new Agent({ keepAlive: true, maxSockets: 2 })),
  async none() {
    return { span: withoutSpan, end: () => sleep(0) };
  },
  async standard() {
    const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
    const { BatchSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
    // A sink that a busy machine lets wait must not make it lose spans.
    const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, concurrencyLimit: 1000 });
    const maxExportBatchSize = batchSpans || SPANS_IN_256_KIB;
    const options = { maxQueueSize: 200_000, maxExportBatchSize, scheduledDelayMillis: 100 };
    const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter, options)] });
    provider.register();
    const tracer = provider.getTracer('bench');
    return { span: () => tracer.startActiveSpan('GET /orders', fillAndEnd), end: () => provider.shutdown() };
  },
  async 'dd-trace'() {
    process.env.DD_INSTRUMENTATION_TELEMETRY_ENABLED = 'false';
    process.env.DD_REMOTE_CONFIGURATION_ENABLED = 'false';
    const tracer = createRequire(import.meta.url)(ddTracePath).init({
      url,
      plugins: false,
      startupLogs: false,
      flushInterval: 1000,
      sampleRate: 1,
    });
    return { span: () => tracer.trace('GET /orders', fillTags), end: () => sleep(1500) };
  },
};

const { span, end, stats } = await tracers[rival]();
const SLICE_MS = 10;

/** Spans in slices, as a server has them: what is behind is made up, so that the rate holds. */
async function send(forMs) {
  const startedAt = performance.now();
  let made = 0;
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    const due = Math.floor((Math.min(elapsedMs, forMs) * rate) / 1000);
    for (; made < due; made++) span();
    if (elapsedMs >= forMs) return made;
    await sleep(SLICE_MS);
  }
}

// Warm code is what is measured.
const warmUp = await send(2000);
const cpuBefore = process.cpuUsage();
let rssMax = 0;
const watch = setInterval(() => (rssMax = Math.max(rssMax, process.memoryUsage.rss())), 50);
const startedAt = performance.now();
const spans = await send(seconds * 1000);
const tookMs = performance.now() - startedAt;
await end();
clearInterval(watch);
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(
  `${JSON.stringify({ warmUp, spans, spansPerSecond: Math.round((spans / tookMs) * 1000), cpuUs: (user + system) / spans, rssMaxMb: Math.round(rssMax / 1e6), stats: stats?.() })}\n`,
);
process.exit(0);
