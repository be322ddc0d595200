import { Counter, type Registry } from 'prom-client';

export class HttpReceiverMetrics {
  readonly requests: Counter<'outcome'>;
  readonly bodyBytes: Counter;

  /** `prefix`: what their names begin with. */
  constructor(registry: Registry, prefix: string) {
    const registers = [registry];
    this.requests = new Counter({
      name: `${prefix}_requests_total`,
      help: 'Requests by the status of the response; aborted if the sender disconnected, failed if responding failed',
      labelNames: ['outcome'],
      registers,
    });
    this.bodyBytes = new Counter({
      name: `${prefix}_body_bytes_total`,
      help: 'Bytes of bodies, decompressed',
      registers,
    });
  }
}
