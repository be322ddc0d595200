import { Gauge, type Registry } from 'prom-client';

/**
 * Registers a gauge without labels whose value is read whenever the metrics are. Throws where the name is registered
 * already.
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

/** The same with labels. Values of the same labels are added up; labels without a value are not shown. */
export function registerLabelledGauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: () => Iterable<readonly [labels: Record<L, string>, value: number]>,
): void {
  const gauge: Gauge<L> = new Gauge({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      gauge.reset();
      for (const [labels, value] of read()) gauge.inc(labels, value);
    },
  });
  registry.registerMetric(gauge);
}
