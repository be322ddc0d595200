/** The same work for every tracer that is compared: an active span that gets attributes and ends. */
const KEYS = [
  'http.request.method',
  'url.path',
  'server.address',
  'http.response.status_code',
  'app.user.id',
  'db.system.name',
  'db.query.rows',
  'cache.hit',
  'app.cart.total',
  'app.session.id',
];
/** Few enough to stay in the cache, as values do that a service has just made. */
const TURNS = 64;
/** Values as services have them: some always the same, some of a few, some new with each span. */
const VALUES = Array.from({ length: TURNS }, (_, i) => [
  'GET',
  `/api/v1/orders/${i % 50}`,
  'shop.example.com',
  i % 10 === 0 ? 404 : 200,
  `user-${i}`,
  'postgresql',
  i,
  i % 3 === 0,
  i * 1.25,
  `${(i * 2654435761).toString(16)}-${i}`,
]);
let turn = 0;
const nextValues = () => VALUES[turn++ & (TURNS - 1)];

const BATCH_SPANS = 512;
const NAME = 'GET /orders';

/**
 * What a case is: whether spans are recorded, how many attributes each gets, and whether they are children of one
 * active span.
 */
export const CASES = {
  'unsampled root, 5 attributes': { sampled: false, attributes: 5, isChild: false, throughline: 'own' },
  'unsampled own child, 5 attributes': { sampled: false, attributes: 5, isChild: true, throughline: 'opentelemetry' },
  'unsampled shared child, 5 attributes': { sampled: false, attributes: 5, isChild: true, throughline: 'own' },
  'recorded and encoded, 0 attributes': { sampled: true, attributes: 0, isChild: false, throughline: 'own' },
  'recorded and encoded, 5 attributes': { sampled: true, attributes: 5, isChild: false, throughline: 'own' },
  'recorded and encoded, 10 attributes': { sampled: true, attributes: 10, isChild: false, throughline: 'own' },
};

/** So small a share that no span of a run is kept, while each is decided as any share would. */
const UNSAMPLED_RATIO = 1e-12;

/**
 * The standard SDK as its users have it: NodeTracerProvider, its default sampler, or for unsampled spans the one of
 * `OTEL_TRACES_SAMPLER=parentbased_traceidratio`. Only its timers are left out: ended spans are serialised in batches
 * of 512, its default, and the bytes thrown away. Returns `{ run, encoded }`; `run(spans)` makes that many.
 */
async function standard({ sampled, attributes, isChild }) {
  const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { ProtobufTraceSerializer } = await import('@opentelemetry/otlp-transformer');
  const { AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler } =
    await import('@opentelemetry/sdk-trace-base');
  let batch = [];
  let encoded = 0;
  const processor = {
    onStart() {},
    onEnd(span) {
      if (batch.push(span) < BATCH_SPANS) return;
      ProtobufTraceSerializer.serializeRequest(batch);
      encoded += batch.length;
      batch = [];
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const root = sampled ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(UNSAMPLED_RATIO);
  const provider = new NodeTracerProvider({ sampler: new ParentBasedSampler({ root }), spanProcessors: [processor] });
  provider.register();
  return openTelemetrySpans(provider.getTracer('bench'), attributes, isChild, () => encoded);
}

/** Work through OpenTelemetry's API, with whichever provider. */
function openTelemetrySpans(tracer, attributes, isChild, encoded) {
  const body = (span) => {
    const values = nextValues();
    for (let i = 0; i < attributes; i++) span.setAttribute(KEYS[i], values[i]);
    span.end();
  };
  const loop = (spans) => {
    for (let i = 0; i < spans; i++) tracer.startActiveSpan(NAME, body);
  };
  return { run: isChild ? (spans) => tracer.startActiveSpan('parent', () => loop(spans)) : loop, encoded };
}

/** Ours, whose sealed chunks are dropped at once by a queue that is full: everything but the POST happens. */
async function throughline({ sampled, attributes, isChild, throughline: mode }) {
  const { Tracer } = await import('@throughline/sdk');
  const tracer = new Tracer({
    register: mode === 'opentelemetry',
    flushOnExit: false,
    sampling: sampled ? 1 : UNSAMPLED_RATIO,
    endpoint: 'http://127.0.0.1:9',
    maxQueueBytes: 1,
    log: () => {},
  });
  const encoded = () => tracer.stats().ended;
  if (mode === 'opentelemetry') {
    return openTelemetrySpans(tracer.openTelemetry.tracerProvider.getTracer('bench'), attributes, isChild, encoded);
  }
  const body = (span) => {
    const values = nextValues();
    for (let i = 0; i < attributes; i++) span.setAttribute(KEYS[i], values[i]);
  };
  const loop = (spans) => {
    for (let i = 0; i < spans; i++) tracer.span(NAME, body);
  };
  return { run: isChild ? (spans) => tracer.span('parent', () => loop(spans)) : loop, encoded };
}

export const RIVALS = { standard, throughline };
