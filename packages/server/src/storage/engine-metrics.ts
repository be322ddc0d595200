import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { EngineError } from './engine.ts';
import type { EngineUsage } from './engine-process.ts';

/** What the metrics are asked for whenever they are read. */
export interface EngineNow {
  readonly up: () => number;
  readonly runningQueries: () => number;
  readonly queuedQueries: () => number;
  /** Null where the engine is no process of ours. */
  readonly usage: (() => EngineUsage) | null;
}

/** ClickHouse's errors for what is beyond a limit. */
const LIMIT_CODES: ReadonlyMap<number, string> = new Map([
  [159, 'timeout'],
  [241, 'memory'],
  [396, 'result'],
]);

export class EngineMetrics {
  readonly restarts: Counter;
  readonly #queries: Counter<'outcome'>;
  readonly #errors: Counter<'code'>;
  readonly #seconds: Histogram;

  constructor(registry: Registry, now: EngineNow) {
    const registers = [registry];
    this.#queries = new Counter({
      name: 'throughline_engine_queries_total',
      help: 'Queries by outcome: ok, cancelled where the asker left, or the code of the error',
      labelNames: ['outcome'],
      registers,
    });
    this.#errors = new Counter({
      name: 'throughline_engine_errors_total',
      help: 'Statements that failed by what they were beyond: timeout, memory, result; other',
      labelNames: ['code'],
      registers,
    });
    for (const outcome of ['ok', 'cancelled']) this.#queries.inc({ outcome }, 0);
    for (const code of [...LIMIT_CODES.values(), 'other']) this.#errors.inc({ code }, 0);
    this.#seconds = new Histogram({
      name: 'throughline_engine_query_duration_seconds',
      help: 'Time from a query to its answer or its failure, waiting for a session included',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
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
    const { usage } = now;
    if (usage !== null) {
      const residentBytes = (): number => usage().residentBytes;
      gauge('throughline_engine_resident_memory_bytes', "Memory of the engine's process", residentBytes);
      const cpu = new Counter({
        name: 'throughline_engine_cpu_seconds_total',
        help: 'CPU time of the process that the engine runs in now',
        registers: [],
        collect() {
          this.reset();
          this.inc(usage().cpuSeconds);
        },
      });
      registry.registerMetric(cpu);
      const unmapped = new Counter({
        name: 'throughline_engine_unmapped_bytes_total',
        help: 'Memory of program files that the process that the engine runs in now has given back',
        registers: [],
        collect() {
          this.reset();
          this.inc(usage().unmappedBytes);
        },
      });
      registry.registerMetric(unmapped);
    }

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

  queryEnded(outcome: string, durationMs: number): void {
    this.#queries.inc({ outcome });
    this.#seconds.observe(durationMs / 1_000);
  }

  queryFailed(error: unknown, isCancelled: boolean, durationMs: number): void {
    if (!isCancelled) this.statementFailed(error);
    const code = error instanceof EngineError ? error.code : 'refused';
    this.queryEnded(isCancelled ? 'cancelled' : code, durationMs);
  }

  statementFailed(error: unknown): void {
    const engineError = error instanceof EngineError ? error : null;
    const limit = engineError?.code === 'timeout' ? 'timeout' : LIMIT_CODES.get(engineError?.clickhouseCode ?? 0);
    this.#errors.inc({ code: limit ?? 'other' });
  }
}
