import { Counter, type Registry } from 'prom-client';
import { registerGauge } from '../register-gauge.ts';
import type { SamplingController } from './sampling-controller.ts';

export class SamplingMetrics {
  readonly exchanges: Counter<'outcome'>;
  readonly forwards: Counter<'outcome'>;
  readonly saveFailures: Counter;

  constructor(registry: Registry, controller: SamplingController) {
    const registers = [registry];
    this.exchanges = new Counter({
      name: 'throughline_sampling_exchanges_total',
      help: 'Messages with request metrics by outcome: answered, forwarded (received from another collector), rejected',
      labelNames: ['outcome'],
      registers,
    });
    this.forwards = new Counter({
      name: 'throughline_sampling_forwards_total',
      help: 'Messages sent on to other collectors by outcome: sent, failed, dropped',
      labelNames: ['outcome'],
      registers,
    });
    this.saveFailures = new Counter({
      name: 'throughline_sampling_save_failures_total',
      help: 'Times that the sampling state could not be written to the data directory',
      registers,
    });
    registerGauge(
      registry,
      'throughline_sampling_operations',
      'Operations whose rates are known',
      () => controller.operationCount,
    );
    const untracked = new Counter({
      name: 'throughline_sampling_untracked_total',
      help: 'Operations and processes that were not remembered because of a limit',
      registers: [],
      collect() {
        this.reset();
        this.inc(controller.untracked);
      },
    });
    registry.registerMetric(untracked);
  }
}
