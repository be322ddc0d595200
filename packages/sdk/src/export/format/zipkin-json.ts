import { NOTHING_REJECTED, type BodyFormat } from './body-format.ts';
import { decodeRequest } from './otlp-decoder.ts';
import { plainAttributes, plainText, plainValue, type OtlpScope, type OtlpSpan } from './otlp-json.ts';

/** A span of Zipkin's v2 API. Moments and durations are in microseconds. */
export interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly name: string;
  readonly kind?: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly localEndpoint: { readonly serviceName: string };
  readonly remoteEndpoint?: ZipkinEndpoint;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags: Readonly<Record<string, string>>;
}

interface ZipkinEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

/** Zipkin v2 JSON; a collector responds 202 with whatever body. */
export const ZIPKIN_JSON: BodyFormat = {
  contentType: 'application/json',
  encode: (request) => Buffer.from(JSON.stringify(zipkinSpans(request))),
  readResponse: () => NOTHING_REJECTED,
};

/** OTLP's kinds; internal and unspecified have none. */
const KINDS: readonly (string | undefined)[] = [undefined, undefined, 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUS_TEXTS: readonly (string | undefined)[] = [undefined, 'OK', 'ERROR'];
const ERROR = 2;

/** The spans of a request by OpenTelemetry's mapping to Zipkin. */
export function zipkinSpans(request: Uint8Array): ZipkinSpan[] {
  return decodeRequest(request).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const serviceName = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    return scopeSpans.flatMap(({ scope, spans }) => spans.map((span) => zipkinSpan(span, scope, serviceName)));
  });
}

function zipkinSpan(span: OtlpSpan, scope: OtlpScope, serviceName: string): ZipkinSpan {
  const kind = KINDS[span.kind];
  const remoteEndpoint = remoteEndpointOf(span);
  const start = BigInt(span.startTimeUnixNano);
  return {
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentSpanId === undefined ? {} : { parentId: span.parentSpanId }),
    name: span.name,
    ...(kind === undefined ? {} : { kind }),
    timestamp: Number(start / 1000n),
    // Zero would mean that it is not known.
    duration: Math.max(1, Math.round(Number(BigInt(span.endTimeUnixNano) - start) / 1000)),
    localEndpoint: { serviceName },
    ...(remoteEndpoint === undefined ? {} : { remoteEndpoint }),
    ...(span.events.length === 0 ? {} : { annotations: span.events.map(annotationOf) }),
    tags: tagsOf(span, scope),
  };
}

function annotationOf(event: OtlpSpan['events'][number]): { timestamp: number; value: string } {
  const attributes = plainAttributes(event.attributes);
  const value = event.attributes.length === 0 ? event.name : `"${event.name}": ${plainText(attributes)}`;
  return { timestamp: Number(BigInt(event.timeUnixNano) / 1000n), value };
}

function tagsOf(span: OtlpSpan, scope: OtlpScope): Record<string, string> {
  const tags = new Map(span.attributes.map(({ key, value }) => [key, plainText(plainValue(value))]));
  // The second name of each is from before scopes; the specification wants both.
  for (const prefix of ['otel.scope', 'otel.library']) {
    if (scope.name !== '') tags.set(`${prefix}.name`, scope.name);
    if (scope.version !== '') tags.set(`${prefix}.version`, scope.version);
  }
  const status = STATUS_TEXTS[span.status.code ?? 0];
  if (status !== undefined) tags.set('otel.status_code', status);
  // Zipkin marks a span red for the tag's presence.
  if (span.status.code === ERROR) tags.set('error', span.status.message ?? tags.get('error.type') ?? 'true');
  for (const [key, count] of droppedCounts(span)) if (count !== undefined) tags.set(key, String(count));
  return Object.fromEntries(tags);
}

function droppedCounts(span: OtlpSpan): [string, number | undefined][] {
  return [
    ['otel.dropped_attributes_count', span.droppedAttributesCount],
    ['otel.dropped_events_count', span.droppedEventsCount],
    ['otel.dropped_links_count', span.droppedLinksCount],
  ];
}

/** Whom a client or producer spoke to, by the first of these attributes that it has. */
const PEER_NAMES = ['peer.service', 'service.peer.name', 'server.address', 'db.system.name', 'messaging.system'];

function remoteEndpointOf(span: OtlpSpan): ZipkinEndpoint | undefined {
  if (KINDS[span.kind] !== 'CLIENT' && KINDS[span.kind] !== 'PRODUCER') return undefined;
  const text = (name: string): string | undefined => span.attributes.find(({ key }) => key === name)?.value.stringValue;
  const port = span.attributes.find(({ key }) => key === 'network.peer.port' || key === 'server.port')?.value.intValue;
  const serviceName = PEER_NAMES.map(text).find((name) => name !== undefined);
  const address = text('network.peer.address');
  if (serviceName === undefined && address === undefined) return undefined;
  return {
    ...(serviceName === undefined ? {} : { serviceName }),
    ...(address === undefined ? {} : { [address.includes(':') ? 'ipv6' : 'ipv4']: address }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
}
