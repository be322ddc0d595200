/**
 * The tracers that are compared where spans are sent: each as its users set it up, with a resource and a batch that are
 * the same for all. A tracer is `{ span(name, fill), end() }`, and where it is known `pending()`, `exported()` and
 * `stats()`; OpenTelemetry's are of the installed version (2.x), or of a folder that holds their 3.x line, which needs
 * Node 22.15 and is no dependency: `npm i @opentelemetry/sdk-trace@3 @opentelemetry/exporter-trace-otlp-proto
 * @opentelemetry/context-async-hooks@3`.
 */
import { Agent } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** As many spans a request as ours has by default. */
const SPANS_IN_256_KIB = 1200;

/** Ours, over its own sockets or, with an agent, over `node:http`. */
async function throughline({ url, batchSpans, resource }, agent) {
  const { Tracer } = await import('@throughline/sdk');
  const tracer = new Tracer({
    register: false,
    flushOnExit: false,
    endpoint: url,
    scheduledDelayMillis: 1000,
    maxExportBatchSize: batchSpans || undefined,
    resource,
    agent,
  });
  const end = async () => {
    await tracer.shutdown();
    agent?.destroy();
  };
  return {
    span: (name, fill) => tracer.span(name, fill),
    pending: () => tracer.stats().pendingSpans,
    exported: () => tracer.stats().exported,
    end,
    stats: () => tracer.stats(),
  };
}

/** Counts what an exporter is given and what it has delivered. */
function counted(exporter) {
  const seen = { exported: 0 };
  return {
    seen,
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code === 0) seen.exported += spans.length;
        done(result);
      });
    },
    forceFlush: async () => await exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

const QUEUE_SPANS = 200_000;

function openTelemetry({ provider, exporter }) {
  const tracer = provider.getTracer('bench');
  let made = 0;
  const span = (name, fill) => {
    made++;
    return tracer.startActiveSpan(name, (started) => {
      fill(started);
      started.end();
    });
  };
  return {
    span,
    pending: () => made - exporter.seen.exported,
    exported: () => exporter.seen.exported,
    end: () => provider.shutdown(),
  };
}

function exporterOptions(url) {
  // A sink that a busy machine lets wait must not make it lose spans.
  return { url: `${url}/v1/traces`, concurrencyLimit: 1000 };
}

function batchOptions(batchSpans) {
  return { maxQueueSize: QUEUE_SPANS, maxExportBatchSize: batchSpans || SPANS_IN_256_KIB, scheduledDelayMillis: 100 };
}

async function standard({ url, batchSpans, resource, isSimple }) {
  const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { BatchSpanProcessor, SimpleSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { defaultResource, resourceFromAttributes } = await import('@opentelemetry/resources');
  const exporter = counted(new OTLPTraceExporter(exporterOptions(url)));
  const processor = isSimple
    ? new SimpleSpanProcessor(exporter)
    : new BatchSpanProcessor(exporter, batchOptions(batchSpans));
  const provider = new NodeTracerProvider({
    spanProcessors: [processor],
    resource: defaultResource().merge(resourceFromAttributes(resource)),
  });
  provider.register();
  return openTelemetry({ provider, exporter });
}

async function standard3({ url, batchSpans, resource, isSimple, standard3: folder }) {
  const require = createRequire(pathToFileURL(`${folder}/`));
  const load = (name) => require(`@opentelemetry/${name}`);
  const { TracerProvider, BatchSpanProcessor, SimpleSpanProcessor } = load('sdk-trace');
  const { OTLPTraceExporter } = load('exporter-trace-otlp-proto');
  const { AsyncLocalStorageContextManager } = load('context-async-hooks');
  const { defaultResource, resourceFromAttributes } = load('resources');
  const { context } = load('api');
  const exporter = counted(new OTLPTraceExporter(exporterOptions(url)));
  const processor = isSimple
    ? new SimpleSpanProcessor({ exporter })
    : new BatchSpanProcessor({ exporter, ...batchOptions(batchSpans) });
  const provider = new TracerProvider({
    spanProcessors: [processor],
    resource: defaultResource().merge(resourceFromAttributes(resource)),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return openTelemetry({ provider, exporter });
}

function ddTrace({ url, ddTrace: folder }) {
  process.env.DD_INSTRUMENTATION_TELEMETRY_ENABLED = 'false';
  process.env.DD_REMOTE_CONFIGURATION_ENABLED = 'false';
  const tracer = createRequire(import.meta.url)(folder).init({
    url,
    plugins: false,
    startupLogs: false,
    flushInterval: 1000,
    sampleRate: 1,
  });
  const span = (name, fill) =>
    tracer.trace(name, (given) => fill({ setAttribute: (key, value) => given.setTag(key, value) }));
  return { span, end: () => sleep(1500) };
}

/** Sets a rival up: `exporting(rival, { url, batchSpans, resource, isSimple, standard3, ddTrace })`. */
export async function exporting(rival, options) {
  switch (rival) {
    case 'throughline':
      return await throughline(options, undefined);
    case 'throughline over node:http':
      return await throughline(options, new Agent({ keepAlive: true, maxSockets: 2 }));
    case 'standard':
      return await standard(options);
    case 'standard 3':
      return await standard3(options);
    case 'dd-trace':
      return ddTrace(options);
    default:
      return { span: (_, fill) => fill({ setAttribute() {} }), end: () => sleep(0) };
  }
}
