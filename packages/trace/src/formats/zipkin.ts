/**
 * A span of Zipkin's v2 API (`GET /api/v2/trace/{traceId}` has a list of them), and of the JSON download of its UI.
 *
 * @see https://zipkin.io/zipkin-api/#/default/get_trace__traceId_
 */
export interface ZipkinSpan {
  /** 16 or 32 hexadecimal digits. */
  traceId: string;
  parentId?: string;
  /** 16 hexadecimal digits; client and server of one call may share it. */
  id: string;
  /** Absent for a span inside of a process. */
  kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER';
  name?: string;
  /** Microseconds since the epoch. */
  timestamp?: number;
  /** Microseconds, at least 1. */
  duration?: number;
  localEndpoint?: ZipkinEndpoint;
  remoteEndpoint?: ZipkinEndpoint;
  annotations?: ZipkinAnnotation[];
  tags?: Record<string, string>;
  /** A request to keep the trace whatever the sampling. */
  debug?: boolean;
  /** The span was begun by another process, which has the same id. */
  shared?: boolean;
}

/** One side of a call. */
export interface ZipkinEndpoint {
  serviceName?: string;
  ipv4?: string;
  ipv6?: string;
  port?: number;
}

/** Something that happened at a moment. */
export interface ZipkinAnnotation {
  /** Microseconds since the epoch. */
  timestamp: number;
  value: string;
}

/** What OTLP has no member for; written and read as attributes. */
export const DEBUG_KEY = 'zipkin.debug';
export const SHARED_KEY = 'zipkin.shared';

/** The tags that the collector's Zipkin exporter keeps links in, numbered from 0. */
export const LINK_TAG_PREFIX = 'otlp.link.';

/** Names of the other side of a call, in the order of OpenTelemetry's mapping to Zipkin. */
export const PEER_KEYS: readonly string[] = [
  'peer.service',
  'service.peer.name',
  'server.address',
  'net.peer.name',
  'network.peer.address',
  'server.socket.domain',
  'server.socket.address',
  'net.sock.peer.name',
  'net.sock.peer.addr',
  'peer.hostname',
  'peer.address',
  'db.namespace',
  'db.name',
];

const RESOURCE_KEY =
  /^(?:(?:cloud|container|deployment|device|faas|host|k8s|os|process|telemetry\.(?:sdk|distro))\.|service\.(?:name|namespace|version|instance\.id)$)/;

/** Whether a tag was an attribute of the resource, by OpenTelemetry's names; Zipkin has one place for both. */
export function isResourceKey(key: string): boolean {
  return RESOURCE_KEY.test(key);
}
