/** What a status most often means, as far as the person who set the exporter up can do something about it. */
const REDIRECT_HINT = 'set `endpoint` to the address that it redirects to';
const PROXY_USER_HINT = 'the proxy requires a user and a password: set its address to http://user:password@host:port';
const STATUS_HINTS: Readonly<Record<number, string>> = {
  301: REDIRECT_HINT,
  302: REDIRECT_HINT,
  303: REDIRECT_HINT,
  307: REDIRECT_HINT,
  308: REDIRECT_HINT,
  401: 'check the authorization in `headers` or OTEL_EXPORTER_OTLP_HEADERS',
  403: 'check the authorization in `headers` or OTEL_EXPORTER_OTLP_HEADERS',
  404: 'check the path: `endpoint` is the base URL, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT the full one with /v1/traces',
  407: PROXY_USER_HINT,
  405: 'is it an OTLP/HTTP endpoint? OTLP over HTTP is port 4318',
  413: 'the collector accepts less in one request: lower `maxExportBatchBytes`',
  415: "try the other `protocol`: 'http/json' or 'http/protobuf'",
};

/** Node's words for a connection that fails before anything is said, and what to look at. */
const CONNECTION_HINTS: readonly (readonly [words: RegExp, hint: string])[] = [
  [/CONNECT failed with status 407/, PROXY_USER_HINT],
  [
    /(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|CONNECT failed|no tunnel|timed out).*via proxy/,
    'the proxy is set by `proxy`, HTTPS_PROXY or HTTP_PROXY; to bypass it, add the host to NO_PROXY',
  ],
  [/Protocol .* not supported/, 'an https endpoint needs an `agent` of node:https, an http endpoint one of node:http'],
  [/ENOENT/, 'is a collector listening on this unix socket?'],
  [
    /ECONNREFUSED/,
    'is a collector running there? set its address in `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT, or start one: npm start in the repository of Throughline',
  ],
  [/ENOTFOUND|EAI_AGAIN/, 'check the host in `endpoint` or OTEL_EXPORTER_OTLP_ENDPOINT'],
  [/wrong version number|packet length too long|EPROTO/, 'the collector may expect http:, while `endpoint` has https:'],
  [/Parse Error/, 'the server there does not use HTTP/1.1; OTLP over HTTP is port 4318, gRPC is 4317'],
  [/self.signed|unable to (get|verify)|CERT_/i, 'set `tls.ca` or OTEL_EXPORTER_OTLP_CERTIFICATE to its CA certificate'],
];

/**
 * ` (…)` with the likely reason of a failure, or '' when there is none to name. `status` is undefined without a
 * response.
 */
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
