import type { HttpPort } from '../http/http-port.ts';

export const OTLP_HTTP_PORT: HttpPort = {
  name: 'OTLP/HTTP',
  limitPrefix: 'otlpHttp',
  metricPrefix: 'throughline_otlp_http',
  originsFlag: '--otlp-http-cors-origins',
};
