import { Counter, type Registry } from 'prom-client';

export class OtlpGrpcMetrics {
  readonly requests: Counter<'outcome'>;
  readonly bodyBytes: Counter;
  readonly foreignConnections: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'throughline_otlp_grpc_requests_total',
      help: 'Calls by the status that they ended with; ABORTED if the sender disconnected, FAILED if responding failed. Excludes successful health checks',
      labelNames: ['outcome'],
      registers,
    });
    this.bodyBytes = new Counter({
      name: 'throughline_otlp_grpc_body_bytes_total',
      help: 'Bytes of messages, decompressed',
      registers,
    });
    this.foreignConnections = new Counter({
      name: 'throughline_otlp_grpc_foreign_connections_total',
      help: 'Connections that speak HTTP/1.1 or TLS: the sender uses OTLP/HTTP or TLS on the port of OTLP/gRPC',
      registers,
    });
  }
}
