import { Counter, Gauge, type Registry } from 'prom-client';

export class OtlpHttpMetrics {
  readonly requests: Counter<'outcome'>;
  readonly bodyBytes: Counter;

  constructor(registry: Registry, bytesInFlight: () => number) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'throughline_otlp_http_requests_total',
      help: 'Requests by the status of the answer; aborted where the sender went away',
      labelNames: ['outcome'],
      registers,
    });
    this.bodyBytes = new Counter({
      name: 'throughline_otlp_http_body_bytes_total',
      help: 'Bytes of bodies, decompressed',
      registers,
    });
    const inFlight = new Gauge({
      name: 'throughline_otlp_http_bytes_in_flight',
      help: 'Bytes of bodies that are read or wait for their acknowledgement',
      registers: [],
      collect() {
        this.set(bytesInFlight());
      },
    });
    registry.registerMetric(inFlight);
  }
}
