import type { Registry } from 'prom-client';
import { Counter, Histogram } from 'prom-client';
import type { Limiter } from '../limiter.ts';
import { registerGauge } from '../register-gauge.ts';

/** Requests to the API and how long they took; the label `route` is a route's path with its braces, `ui` or `none`. */
export class ApiMetrics {
  readonly #requests: Counter<'route' | 'status'>;
  readonly #seconds: Histogram<'route'>;

  constructor(registry: Registry, limiter: Limiter) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'throughline_api_requests_total',
      help: 'Requests to the API and the UI by route and status',
      labelNames: ['route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'throughline_api_request_duration_seconds',
      help: 'Time from a request to the end of its response, by route',
      labelNames: ['route'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    registerGauge(registry, 'throughline_api_queries_running', 'Queries that are running', () => limiter.running);
    registerGauge(registry, 'throughline_api_queries_waiting', 'Queries that wait in the queue', () => limiter.waiting);
  }

  observe(route: string, status: number, durationMs: number): void {
    this.#requests.inc({ route, status: String(status) });
    this.#seconds.observe({ route }, durationMs / 1000);
  }
}
