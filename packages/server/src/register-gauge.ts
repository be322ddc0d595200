import { Gauge, type Registry } from 'prom-client';

/**
 * Registers a gauge without labels whose value is asked for whenever the metrics are read. Throws where the name is
 * registered already.
 */
export function registerGauge(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(gauge);
}
