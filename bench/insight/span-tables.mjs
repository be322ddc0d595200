import { inferredDependency, SpanKind } from '@throughline/trace';
import { failureName, SpanTableBuilder, Vocabulary } from '@throughline/trace/insight';

const INSTANCE_KEYS = ['service.instance.id', 'k8s.pod.name', 'host.name'];

/** Two tables of generated spans, a trace in the window in which its first span without a parent starts. */
export function tablesOf({ spans, baseline, incident }) {
  const vocabulary = new Vocabulary();
  const starts = new Map();
  for (const span of spans) {
    const known = starts.get(span.traceId);
    const isRoot = span.parentSpanId === '';
    if (known === undefined || (isRoot && !known.isRoot)) {
      starts.set(span.traceId, { unixNano: span.startUnixNano, isRoot });
    }
  }
  const within = ({ fromUnixNano, toUnixNano }) =>
    spans.filter(({ traceId }) => {
      const { unixNano } = starts.get(traceId);
      return unixNano >= fromUnixNano && unixNano < toUnixNano;
    });
  const tableOf = (window) => spanTable(within(window), vocabulary, baseline.fromUnixNano);
  return { before: tableOf(baseline), during: tableOf(incident) };
}

export function spanTable(spans, vocabulary, baseUnixNano) {
  const builder = new SpanTableBuilder(vocabulary);
  for (const span of spans) builder.add(rowOf(span, baseUnixNano));
  return builder.build();
}

function rowOf(span, baseUnixNano) {
  const { attributes, resource, kind } = span;
  const text = (key) => String(attributes[key] ?? '');
  const idKey = INSTANCE_KEYS.find((key) => resource[key] !== undefined) ?? '';
  const exception = span.events.find(({ name }) => name === 'exception');
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    service: span.service,
    name: span.name,
    kind,
    instance: {
      id: resource[idKey] ?? '',
      idKey,
      version: resource['service.version'] ?? '',
      host: resource['host.name'] ?? '',
    },
    startNs: nanoseconds(baseUnixNano, span.startUnixNano),
    durationNs: nanoseconds(span.startUnixNano, span.endUnixNano),
    failure: failureName({
      kind,
      statusCode: span.statusCode,
      statusMessage: span.statusMessage,
      errorType: text('error.type'),
      exceptionType: String(exception?.attributes['exception.type'] ?? ''),
      httpStatus: text('http.response.status_code'),
      rpcStatus: text('rpc.grpc.status_code'),
    }),
    peer: kind === SpanKind.client || kind === SpanKind.producer ? (inferredDependency(asSpan(attributes)) ?? '') : '',
  };
}

function asSpan(attributes) {
  const list = Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: String(value) } }));
  return { traceId: '', spanId: '', name: '', startTimeUnixNano: '0', endTimeUnixNano: '0', attributes: list };
}

/** @type {(from: bigint, to: bigint) => number} */
function nanoseconds(from, to) {
  return Number(to - from);
}
