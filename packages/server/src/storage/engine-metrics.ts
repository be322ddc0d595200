import { Counter, Histogram, type Registry } from 'prom-client';
import { EngineError } from './engine.ts';
import { registerGauge } from '../register-gauge.ts';

/** What a process uses; the CPU time since it began. */
export interface EngineUsage {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** By `FilePages`. */
  readonly unmappedBytes: number;
}

/** What is read whenever the metrics are. */
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
      help: 'Queries by outcome: ok, cancelled because the client left, or the error code',
      labelNames: ['outcome'],
      registers,
    });
    this.#errors = new Counter({
      name: 'throughline_engine_errors_total',
      help: 'Failed statements by the limit that they exceeded: timeout, memory or result; or other',
      labelNames: ['code'],
      registers,
    });
    for (const outcome of ['ok', 'cancelled']) this.#queries.inc({ outcome }, 0);
    for (const code of [...LIMIT_CODES.values(), 'other']) this.#errors.inc({ code }, 0);
    this.#seconds = new Histogram({
      name: 'throughline_engine_query_duration_seconds',
      help: 'Time from a query to its result or failure, including the wait for a session',
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.restarts = new Counter({
      name: 'throughline_engine_restarts_total',
      help: 'Restarts of the engine after it had exited',
      registers,
    });
    registerGauge(registry, 'throughline_engine_up', '1 while the engine accepts statements, 0 otherwise', now.up);
    registerGauge(registry, 'throughline_engine_running_queries', 'Queries that are running', now.runningQueries);
    registerGauge(registry, 'throughline_engine_queued_queries', 'Queries that wait for a session', now.queuedQueries);
    const { usage } = now;
    if (usage !== null) {
      const residentBytes = (): number => usage().residentBytes;
      registerGauge(
        registry,
        'throughline_engine_resident_memory_bytes',
        "Memory of the engine's process",
        residentBytes,
      );
      const cpu = new Counter({
        name: 'throughline_engine_cpu_seconds_total',
        help: 'CPU time of the current engine process',
        registers: [],
        collect() {
          this.reset();
          this.inc(usage().cpuSeconds);
        },
      });
      registry.registerMetric(cpu);
      const unmapped = new Counter({
        name: 'throughline_engine_unmapped_bytes_total',
        help: 'Memory of program files that the current engine process has released',
        registers: [],
        collect() {
          this.reset();
          this.inc(usage().unmappedBytes);
        },
      });
      registry.registerMetric(unmapped);
    }
  }

  queryEnded(outcome: string, durationMs: number): void {
    this.#queries.inc({ outcome });
    this.#seconds.observe(durationMs / 1_000);
  }

  queryFailed(error: unknown, isCancelled: boolean, durationMs: number): void {
    if (!isCancelled) this.statementFailed(error);
    const code = error instanceof EngineError ? error.code : 'rejected';
    this.queryEnded(isCancelled ? 'cancelled' : code, durationMs);
  }

  statementFailed(error: unknown): void {
    const toEngineError = error instanceof EngineError ? error : null;
    const limit = toEngineError?.code === 'timeout' ? 'timeout' : LIMIT_CODES.get(toEngineError?.clickhouseCode ?? 0);
    this.#errors.inc({ code: limit ?? 'other' });
  }
}
