import { Counter, Gauge, type Registry } from 'prom-client';

export class CountsMetrics {
  readonly messages: Counter<'outcome'>;
  readonly leftTotals: Counter;
  readonly snapshots: Counter<'outcome'>;

  constructor(registry: Registry, totals: { readonly size: number; readonly processes: number }) {
    const registers = [registry];
    this.messages = new Counter({
      name: 'throughline_counts_messages_total',
      help: 'Messages with exact totals: noted, left to the next one of their process, or refused as a contradiction',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['noted', 'left', 'refused']) this.messages.inc({ outcome }, 0);
    this.leftTotals = new Counter({
      name: 'throughline_counts_left_totals_total',
      help: 'Totals that were not stored because of a limit, each time that they were told',
      registers,
    });
    this.snapshots = new Counter({
      name: 'throughline_counts_snapshots_total',
      help: 'Times that all totals were written to the data directory, or could not be',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['written', 'failed']) this.snapshots.inc({ outcome }, 0);
    registry.registerMetric(gauge('totals', 'Totals that are known', () => totals.size));
    registry.registerMetric(gauge('processes', 'Processes whose totals are known', () => totals.processes));
  }
}

function gauge(what: string, help: string, read: () => number): Gauge {
  return new Gauge({
    name: `throughline_counts_${what}`,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
}
