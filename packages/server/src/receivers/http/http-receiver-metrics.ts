import { Counter, type Registry } from 'prom-client';

export class HttpReceiverMetrics {
  readonly requests: Counter<'outcome'>;
  readonly bodyBytes: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'throughline_otlp_http_requests_total',
      help: 'Requests by the status of the response; aborted if the sender disconnected, failed if responding failed',
      labelNames: ['outcome'],
      registers,
    });
    this.bodyBytes = new Counter({
      name: 'throughline_otlp_http_body_bytes_total',
      help: 'Bytes of bodies, decompressed',
      registers,
    });
  }
}
