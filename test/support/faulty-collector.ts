import { readlinkSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { SeriesResponse } from '../../packages/trace/src/client/api-types.ts';
import type { EngineLimits } from '../../packages/server/src/storage/engine-limits.ts';
import { startEngine, type StartedEngine } from '../../packages/server/src/storage/testing/start-engine.ts';
import { isSpoolEmpty, newDirectory, startCollector, type Collector } from './collector.ts';
import { FaultInjection, type FaultRule } from './fault-injection.ts';
import { descendantsOf, eventually, isAlive, usersOf } from './processes.ts';
import { SpanLedger, type Audit } from './span-ledger.ts';

/** A fault that no call has met after so many requests is not waited for. */
const REQUESTS_MAX = 4;

/** Parts that were detached: their tables and names. */
export const DETACHED = "SELECT table, name FROM system.detached_parts WHERE database = 'throughline'";

/** A collector that is started again when a fault has ended it, with the ledger of what was sent to it. */
export class FaultyCollector {
  readonly faults = new FaultInjection();
  readonly ledger = new SpanLedger(40);
  readonly dataDirectory = newDirectory();
  #collector: Collector | null = null;
  #args: readonly string[] = [];
  /** Below the collector, which may be gone before they are asked for. */
  #engines: readonly number[] = [];

  /** `args` hold for those as well that take its place. */
  async start(args: readonly string[] = []): Promise<void> {
    this.#args = args;
    // Segments and batches of single requests: calls of the file system are many then.
    const soon = ['--spool-segment-age-ms', '300ms', '--rollups-interval-ms', '200ms'];
    const { dataDirectory, faults } = this;
    this.#collector = await startCollector({ dataDirectory, args: [...soon, ...args], env: faults.env });
  }

  /** Starts it under a plan, which may be more than it can bear. */
  async tryToStart(args: readonly string[] = []): Promise<void> {
    await this.start(args).catch((error: unknown) => {
      if (!String(error).includes('ended before it was ready')) throw error;
    });
  }

  /** Resolves when a fault has ended it, and its engine with it. */
  async hasEnded(): Promise<void> {
    await this.#running.exited;
    await eventually('its engine has ended', () => usersOf(this.dataDirectory).length === 0);
  }

  /** Starts it where it does not run. */
  async ensureStarted(): Promise<void> {
    if (this.#collector === null || !isAlive(this.#collector.pid)) await this.start();
  }

  get #running(): Collector {
    if (this.#collector === null) throw new Error('it was not started');
    return this.#collector;
  }

  /** A pattern for the paths of a table's parts on their way in, as the engine has them. */
  newPartsOf(table: string): string {
    return `${this.partsOf(table)}/tmp_insert_*`;
  }

  /** The same for the directory that they are in. */
  partsOf(table: string): string {
    const uuid = basename(readlinkSync(join(this.dataDirectory, 'store', 'data', 'throughline', table)));
    return `*/${uuid}`;
  }

  /** Stops it, and works with its store under the plan of faults. It is started again by whoever calls. */
  async inStore<T>(work: (store: StartedEngine) => Promise<T>, limits: Partial<EngineLimits> = {}): Promise<T> {
    await this.#running.stop({ keepData: true });
    const before = { ...process.env };
    Object.assign(process.env, this.faults.env);
    try {
      await using store = await startEngine(limits, join(this.dataDirectory, 'store'));
      return await work(store);
    } finally {
      for (const name of Object.keys(this.faults.env)) delete process.env[name];
      Object.assign(process.env, before);
    }
  }

  /** How many requests the request metrics of a service tell. */
  async counted(service: string): Promise<number> {
    const url = `${this.#running.apiUrl}/api/v1/series?service=${service}&step=3600`;
    const { series } = (await (await fetch(url)).json()) as SeriesResponse;
    return series[0]?.estimatedRequestCount.reduce((sum, count) => sum + count, 0) ?? 0;
  }

  /** Everything that a process has counted since it started. */
  async tell(service: string, requests: number): Promise<void> {
    const recent = { started: 0, decided: 0, requests: 0, errors: 0 };
    const durations = { offset: 160, counts: [requests] };
    const totals = [{ name: 'GET /cart', status: 0, requests, durationSumNs: requests * 1e6, durations }];
    const operations = [{ name: 'GET', kind: 1, recent, totals }];
    const message = { version: 1, service, instance: 'i1', windowMs: 1_000, operations };
    const answer = await fetch(`${this.#running.otlpUrl}/v1/sampling`, {
      method: 'POST',
      body: JSON.stringify(message),
    });
    if (!answer.ok) throw new Error(`the counts were answered with ${answer.status}`);
    await answer.arrayBuffer();
  }

  /** Two parts of each table, and 107 requests of `shop`. Its counts are to be stored soon: see `--counts-segment-age-ms`. */
  async storeTwoParts(): Promise<void> {
    for (const told of [100, 107]) {
      await this.send();
      await this.tell('shop', told);
      await eventually('it is counted', async () => (await this.counted('shop')) === told);
      await this.settle();
    }
  }

  send(): Promise<number> {
    return this.ledger.send(this.#running.otlpUrl);
  }

  /** Whether what has been sent so far is in the store; a collector that has ended is started again. */
  async settle(): Promise<void> {
    // A fault may have ended it a moment after its last answer.
    await eventually('everything is stored', async () => {
      if (!isAlive(this.#running.pid)) await this.#startAgain();
      const isReady = (await fetch(`${this.#running.apiUrl}/readyz`)).ok;
      return isReady && (await isSpoolEmpty(this.#running));
    });
  }

  async #startAgain(): Promise<void> {
    const { exited, output } = this.#running;
    const { code, signal } = await exited;
    // An error of the file system is no reason to end.
    if (signal !== 'SIGKILL') throw new Error(`the collector ended by ${signal ?? code}:\n${output()}`);
    await eventually('its engine has ended', () => !this.#engines.some((pid) => isAlive(pid)));
    await this.start(this.#args);
  }

  /** Sends until a call has met the fault, takes it back then, and waits until everything is stored. */
  async meet(rule: FaultRule): Promise<boolean> {
    this.#engines = descendantsOf(this.#running.pid);
    this.faults.plan([rule]);
    for (let sent = 0; sent < REQUESTS_MAX && this.faults.applied() === 0; sent++) {
      await this.send();
      await eventually('it is stored, or met', () => this.faults.applied() > 0 || isSpoolEmpty(this.#running));
    }
    const isMet = this.faults.applied() > 0;
    // As long as a rule goes on, so does the fault.
    if (isMet && (rule.times ?? 1) > 1) await this.send();
    this.faults.plan([]);
    await this.settle();
    return isMet;
  }

  /** What the store holds when everything has been stopped. */
  async end(): Promise<Audit> {
    await this.#running.stop({ keepData: true });
    const audit = await this.ledger.audit(this.dataDirectory);
    rmSync(this.dataDirectory, { recursive: true });
    rmSync(this.faults.directory, { recursive: true });
    return audit;
  }
}
