import { Counter, type Registry } from 'prom-client';
import { registerGauge } from '../register-gauge.ts';

export class CountsMetrics {
  readonly messages: Counter<'outcome'>;
  readonly deferredTotals: Counter;
  readonly snapshots: Counter<'outcome'>;

  constructor(registry: Registry, totals: { readonly size: number; readonly processes: number }) {
    const registers = [registry];
    this.messages = new Counter({
      name: 'throughline_counts_messages_total',
      help: 'Messages with request metrics by outcome: accepted, deferred to the next message of their process, or rejected as contradictory',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['accepted', 'deferred', 'rejected']) this.messages.inc({ outcome }, 0);
    this.deferredTotals = new Counter({
      name: 'throughline_counts_deferred_totals_total',
      help: 'Totals that were deferred because of a limit, each time they were reported',
      registers,
    });
    this.snapshots = new Counter({
      name: 'throughline_counts_snapshots_total',
      help: 'Attempts to write all totals to the data directory, by outcome: written, failed',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['written', 'failed']) this.snapshots.inc({ outcome }, 0);
    registerGauge(registry, 'throughline_counts_totals', 'Totals that are tracked', () => totals.size);
    registerGauge(
      registry,
      'throughline_counts_processes',
      'Processes whose totals are tracked',
      () => totals.processes,
    );
  }
}
