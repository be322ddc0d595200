import { Counter, type Registry } from 'prom-client';
import { EngineError } from '../engine.ts';
import { isLoginError } from './login-error.ts';
import { registerLabelledGauge } from '../../register-gauge.ts';
import { GivenUpError, UnreachableError } from './unreachable-error.ts';

/** Why a statement failed. */
const REASONS = ['unreachable', 'timeout', 'given_up', 'login', 'rejected'] as const;

/** Metrics of each server of the store. There are as many labels as URLs of `--store`. */
export class NodeMetrics {
  readonly #failed: Counter<'node' | 'reason'>;
  readonly #offsets = new Map<string, number>();

  /** `up` returns what is to be shown of each server, whenever the metrics are read. */
  constructor(
    registry: Registry,
    nodes: readonly string[],
    up: () => Iterable<readonly [node: string, isUp: boolean]>,
  ) {
    this.#failed = new Counter({
      name: 'throughline_store_node_failed_statements_total',
      help: 'Statements that failed on a ClickHouse server, by reason: unreachable, timeout, given_up (it stopped answering while another server can be asked), login, or rejected (any other error of ClickHouse)',
      labelNames: ['node', 'reason'],
      registers: [registry],
    });
    for (const node of nodes) for (const reason of REASONS) this.#failed.inc({ node, reason }, 0);
    registerLabelledGauge(
      registry,
      'throughline_store_node_up',
      '1 while a ClickHouse server of --store responds and is used, 0 otherwise',
      ['node'],
      () => new Map(Array.from(up(), ([node, isUp]) => [node, [{ node }, isUp ? 1 : 0] as const])).values(),
    );
    registerLabelledGauge(
      registry,
      'throughline_store_node_clock_offset_seconds',
      "Seconds by which the clock of a ClickHouse server is ahead of the collector's, to about a second",
      ['node'],
      () => Array.from(this.#offsets, ([node, seconds]) => [{ node }, seconds] as const),
    );
  }

  noteFailure(node: string, error: unknown): void {
    this.#failed.inc({ node, reason: reasonOf(error) });
  }

  noteOffset(node: string, seconds: number): void {
    this.#offsets.set(node, seconds);
  }
}

function reasonOf(error: unknown): (typeof REASONS)[number] {
  if (error instanceof GivenUpError) return 'given_up';
  if (isLoginError(error)) return 'login';
  if (error instanceof EngineError && error.code === 'timeout') return 'timeout';
  if (error instanceof EngineError && !(error instanceof UnreachableError)) return 'rejected';
  return 'unreachable';
}
