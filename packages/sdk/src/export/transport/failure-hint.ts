/** What a status most often means, as far as the person who set the exporter up can do something about it. */
const REDIRECT_HINT = 'redirects are not followed: set `endpoint` to where it leads';
const PROXY_USER_HINT = 'the proxy wants a user and a password: its address may be http://user:password@host:port';
const STATUS_HINTS: Readonly<Record<number, string>> = {
  301: REDIRECT_HINT,
  302: REDIRECT_HINT,
  303: REDIRECT_HINT,
  307: REDIRECT_HINT,
  308: REDIRECT_HINT,
  401: 'is the right authorization among `headers` or in OTEL_EXPORTER_OTLP_HEADERS?',
  403: 'is the right authorization among `headers` or in OTEL_EXPORTER_OTLP_HEADERS?',
  404: '`endpoint` is the base URL, and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT the whole one with /v1/traces: is it right?',
  407: PROXY_USER_HINT,
  405: 'does a collector listen there? OTLP over HTTP is port 4318',
  413: 'the collector takes less at once: set `maxExportBatchBytes` to less',
  415: "the collector may want the other `protocol`: 'http/json' or 'http/protobuf'",
};

/** Node's words for a connection that fails before anything is said, and what to look at. */
const CONNECTION_HINTS: readonly (readonly [words: RegExp, hint: string])[] = [
  [/CONNECT was answered with 407/, PROXY_USER_HINT],
  [
    /(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|CONNECT was|no tunnel|no answer).*through the proxy/,
    'it is set by `proxy`, HTTPS_PROXY or HTTP_PROXY; hosts in NO_PROXY are spoken to directly',
  ],
  [/Protocol .* not supported/, 'the `agent` for https is one of node:https, and for http of node:http'],
  [/ENOENT/, 'does a collector listen on this unix socket?'],
  [
    /ECONNREFUSED/,
    'does a collector run there? `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT says where, `npx throughline up` starts one',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'is the host of `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT right?'],
  [/wrong version number|packet length too long|EPROTO/, 'the collector may speak http: where `endpoint` says https:'],
  [/Parse Error/, 'what listens there speaks no HTTP/1.1; OTLP over HTTP is port 4318, and 4317 is gRPC'],
  [
    /self.signed|unable to (get|verify)|CERT_/i,
    'set `tls.ca` or OTEL_EXPORTER_OTLP_CERTIFICATE to the certificate of its authority',
  ],
];

/** ` (…)` with the likely reason of a failure, or '' when there is none to name. `status` is undefined without an answer. */
export function failureHint(url: string, status: number | undefined, message: string): string {
  const port = portHint(url);
  const hint =
    port ??
    (status === undefined ? CONNECTION_HINTS.find(([words]) => words.test(message))?.[1] : STATUS_HINTS[status]);
  return hint === undefined ? '' : ` (${hint})`;
}

/** The commonest mix-ups of ports, named; `undefined` when the port is none of them. */
export function portHint(url: string): string | undefined {
  switch (new URL(url).port) {
    case '4317':
      return '4317 is the gRPC port; OTLP over HTTP is 4318';
    case '4319':
      return "4319 is the port of Throughline's UI; OTLP over HTTP is 4318";
    default:
      return undefined;
  }
}
