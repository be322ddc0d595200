import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { attributeText, findAttribute } from '../attributes.ts';
import { type Span, SpanKind } from '../otlp.ts';
import { tellStory } from '../story/tell-story.ts';
import { at, spansOf } from '../testing/a-trace.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import { type ReadTraces, readTraces, toJaeger, toOtlp, toZipkin } from './index.ts';

const sample = (name: string): Buffer => readFileSync(new URL(`testing/${name}`, import.meta.url));

/** The spans of the first trace, by name and kind. */
function spanNamed({ traces }: ReadTraces, name: string, kind?: number): Span {
  const span = spansOf(at(traces, 0).data).find((one) => one.name === name && (kind ?? one.kind) === one.kind);
  if (span === undefined) throw new Error(`no span ${name}`);
  return span;
}

/** Attributes as text, by key. */
function texts({ attributes = [] }: Pick<Span, 'attributes'>): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, attributeText(value)]));
}

function serviceOf(read: ReadTraces, spanId: string): string[] {
  return at(read.traces, 0).data.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans
        .filter((span) => span.spanId === spanId)
        .map(() => attributeText(findAttribute(resource?.attributes, 'service.name'))),
    ),
  );
}

describe('the download of the Jaeger UI', () => {
  const read = readTraces(sample('jaeger-ui.json'));

  it('is one trace with its tree, services and clock', () => {
    expect(read.format).toBe('jaeger');
    expect(read.warnings).toEqual([]);
    expect(read.traces.map(({ traceId }) => traceId)).toEqual(['00000000000000003c5d1f2a9b8e7046']);
    const trace = traceFromOtlp(at(read.traces, 0).data);
    expect(trace.names).toEqual(['HTTP GET /dispatch', 'SQL SELECT', 'notify']);
    expect([...trace.parentIndex]).toEqual([-1, 0, 0]);
    expect(trace.services).toEqual(['frontend', 'mysql']);
    expect(trace.traceStartUnixNano).toBe(1_717_063_200_000_125_000n);
    expect(trace.durationNs[1]).toBe(309_213_000);
    expect(tellStory(trace).headline).not.toBe('');
    const [{ resource } = { resource: undefined }] = at(read.traces, 0).data.resourceSpans;
    expect(texts(resource ?? {})).toEqual({
      'service.name': 'frontend',
      'host.name': 'hotrod-1',
      ip: '10.0.0.7',
      'jaeger.version': 'Go-2.30.0',
    });
  });

  it('has kinds, status, scope and types of tags', () => {
    const root = spanNamed(read, 'HTTP GET /dispatch');
    expect(root).toMatchObject({ kind: SpanKind.server, status: { code: 2 }, flags: 1 });
    expect(root.attributes).toContainEqual({ key: 'http.status_code', value: { intValue: '500' } });
    expect(root.attributes).toContainEqual({ key: 'sampler.param', value: { boolValue: true } });
    expect(texts(root)).not.toHaveProperty('error');
    const select = spanNamed(read, 'SQL SELECT');
    expect(select).toMatchObject({ kind: SpanKind.client, status: { code: 1 }, spanId: '00000000000007a1' });
    // Beyond 2⁵³, with all its digits.
    expect(select.attributes).toContainEqual({ key: 'request.id', value: { intValue: '9007199254740993' } });
    expect(select.attributes).toContainEqual({ key: 'blob', value: { bytesValue: 'AAEC' } });
    expect(at(read.traces, 0).data.resourceSpans[1]?.scopeSpans[0]?.scope).toEqual({
      name: 'go.sql',
      version: '1.2.0',
    });
    expect(spanNamed(read, 'notify').kind).toBe(SpanKind.internal);
  });

  it('has events, links and the warnings of Jaeger', () => {
    const [searching, unnamed] = spanNamed(read, 'HTTP GET /dispatch').events ?? [];
    expect(searching).toEqual({
      timeUnixNano: '1717063200000901000',
      name: 'Searching for nearby drivers',
      attributes: [
        { key: 'level', value: { stringValue: 'info' } },
        { key: 'load', value: { doubleValue: 0.75 } },
      ],
    });
    expect(unnamed).toMatchObject({ name: '', attributes: [{ key: 'message' }] });
    expect(spanNamed(read, 'notify').links).toEqual([
      { traceId: '6c6f1f2a9b8e70460000000000000001', spanId: '00000000000000aa' },
    ]);
    const written = toJaeger(at(read.traces, 0).data).document.data[0]?.spans ?? [];
    expect(written.flatMap(({ warnings }) => warnings ?? [])).toHaveLength(1);
  });
});

describe('the download of the Zipkin UI', () => {
  const read = readTraces(sample('zipkin-ui.json'));

  it('is one trace, whose shared span is below the one that it shares its id with', () => {
    expect(read.format).toBe('zipkin');
    expect(read.warnings).toEqual([]);
    const trace = traceFromOtlp(at(read.traces, 0).data);
    expect(trace.traceId).toBe('00000000000000005af7183fb1d4cf5f');
    expect(trace.names).toEqual(['get /', 'get /api', 'get /api']);
    expect([...trace.kind]).toEqual([SpanKind.server, SpanKind.client, SpanKind.server]);
    expect([...trace.parentIndex]).toEqual([-1, 0, 1]);
    expect(trace.durationNs[2]).toBe(702_000);
    expect(serviceOf(read, '352bff9a74ca9ad2')).toEqual(['frontend', 'backend']);
  });

  it('has both endpoints, the status, the flags and the attributes of the resource', () => {
    const client = spanNamed(read, 'get /api', SpanKind.client);
    expect(texts(client)).toEqual({
      'http.method': 'GET',
      'http.path': '/api',
      'peer.service': 'backend',
      'network.peer.address': '192.168.99.101',
      'network.peer.port': '9000',
      'network.local.address': '192.168.99.1',
    });
    const server = spanNamed(read, 'get /api', SpanKind.server);
    expect(server.status).toEqual({ code: 2, message: 'out of stock' });
    const shown = texts(server);
    expect(Object.hasOwn(shown, '__proto__') && shown['__proto__']).toBe('a tag');
    expect(shown).toMatchObject({ 'zipkin.shared': 'true', 'network.peer.address': '2001:db8::c001' });
    // Zipkin's own rule would call it failed; who says `false` does not mean that.
    const root = spanNamed(read, 'get /');
    expect(root.status).toBeUndefined();
    expect(texts(root)).toMatchObject({ error: 'false', 'zipkin.debug': 'true' });
    const versions = at(read.traces, 0).data.resourceSpans.map(({ resource }) => texts(resource ?? {}));
    expect(versions).toContainEqual({ 'service.name': 'backend', 'service.version': '1.4.2' });
  });

  it('has annotations, with attributes by the mapping', () => {
    expect(spanNamed(read, 'get /api', SpanKind.server).events).toEqual([
      { timeUnixNano: '1556604172356200000', name: 'cache.miss' },
      {
        timeUnixNano: '1556604172356300000',
        name: 'retry',
        attributes: [
          { key: 'attempt', value: { intValue: '2' } },
          { key: 'slow', value: { boolValue: true } },
        ],
      },
    ]);
  });

  it('is written again as it was', () => {
    const { document, warnings } = toZipkin(at(read.traces, 0).data);
    const given = JSON.parse(sample('zipkin-ui.json').toString()) as typeof document;
    const byKind = (spans: typeof document) =>
      spans.map(({ id, kind, timestamp, duration, annotations, shared, debug, parentId, remoteEndpoint }) => {
        const call = { id, parentId, kind, timestamp, duration, annotations, shared, debug, remoteEndpoint };
        return JSON.stringify(call);
      });
    expect(byKind(document).toSorted()).toEqual(byKind(given).toSorted());
    expect(warnings.map(({ code }) => code).toSorted()).toEqual(['reserved-key', 'value-as-text']);
  });
});

describe("the file of the collector's exporter", () => {
  const read = readTraces(sample('collector-file-exporter.jsonl'));

  it('is a trace for each trace ID, of all lines', () => {
    expect(read.format).toBe('otlp');
    expect(read.warnings).toEqual([]);
    expect(read.traces.map(({ data }) => spansOf(data).map(({ name }) => name))).toEqual([
      ['GET /cart', 'SELECT'],
      ['another trace'],
    ]);
    const trace = traceFromOtlp(at(read.traces, 0).data);
    expect(trace.services).toEqual(['cart', 'db']);
    expect(trace.foreignSpans).toBe(0);
    expect(trace.source(0).resourceSchemaUrl).toBe('https://opentelemetry.io/schemas/1.27.0');
    expect(trace.source(0).scope?.name).toBe('@opentelemetry/instrumentation-http');
  });

  it('is read while its last line is being written', () => {
    const torn = sample('collector-file-exporter.jsonl').subarray(0, -40);
    const { traces, warnings } = readTraces(torn);
    expect(traces.map(({ data }) => spansOf(data).length)).toEqual([1]);
    expect(warnings).toMatchObject([{ code: 'torn-line', place: 'line 2', count: 1 }]);
  });

  it('becomes one document of several traces', () => {
    const { document, warnings } = toOtlp(read.traces.map(({ data }) => data));
    expect(warnings).toEqual([]);
    expect(readTraces(JSON.stringify(document)).traces).toEqual(read.traces);
  });
});
