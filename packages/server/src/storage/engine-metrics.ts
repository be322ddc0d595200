import { Counter, Gauge, type Registry } from 'prom-client';

export class EngineMetrics {
  readonly queries: Counter<'outcome'>;
  readonly restarts: Counter;

  constructor(
    registry: Registry,
    now: { readonly up: () => number; readonly runningQueries: () => number; readonly queuedQueries: () => number },
  ) {
    const registers = [registry];
    this.queries = new Counter({
      name: 'throughline_engine_queries_total',
      help: 'Queries by outcome: ok, or the code of the error',
      labelNames: ['outcome'],
      registers,
    });
    this.restarts = new Counter({
      name: 'throughline_engine_restarts_total',
      help: 'Times that the engine was started again after it had died',
      registers,
    });
    gauge('throughline_engine_up', 'Whether the engine takes statements', now.up);
    gauge('throughline_engine_running_queries', 'Queries that hold a session', now.runningQueries);
    gauge('throughline_engine_queued_queries', 'Queries that wait for a free session', now.queuedQueries);

    function gauge(name: string, help: string, value: () => number): void {
      const metric = new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value());
        },
      });
      registry.registerMetric(metric);
    }
  }
}
