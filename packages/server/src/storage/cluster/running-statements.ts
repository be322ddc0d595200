import { randomBytes } from 'node:crypto';
import type { ClickHouseHttp } from './clickhouse-http.ts';
import { EngineError } from '../engine.ts';
import { sqlString } from '../sql.ts';
import { UnreachableError } from './unreachable-error.ts';

const INSERT = 'throughline-insert-';
const JOB = 'throughline-job-';
const QUERY = 'throughline-query-';

/** How long a server may take to say what it runs, and how long a statement may go on there that nobody can ask for. */
export interface RunningStatementsLimits {
  readonly pingTimeoutMs: number;
  readonly insertTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/**
 * What servers run for this collector and for others, by the ids in their lists of running statements. A statement goes
 * on after whoever has sent it is gone.
 */
export class RunningStatements {
  readonly #servers: readonly ClickHouseHttp[];
  readonly #limits: RunningStatementsLimits;
  readonly #session = randomBytes(8).toString('hex');
  /** By what is looked for: when it was first looked for on a server that does not answer. */
  readonly #unansweredSince = new Map<string, number>();

  constructor(servers: readonly ClickHouseHttp[], limits: RunningStatementsLimits) {
    this.#servers = servers;
    this.#limits = limits;
  }

  /** Each attempt to insert has one of its own. */
  insertId(token: string): string {
    return `${INSERT}${token}-${randomBytes(6).toString('hex')}`;
  }

  /** Of a statement of what one collector does for all. */
  jobId(): string {
    return `${JOB}${this.#session}-${randomBytes(6).toString('hex')}`;
  }

  queryId(): string {
    return `${QUERY}${this.#session}-${randomBytes(6).toString('hex')}`;
  }

  /** Ends a query that nobody waits for. Never rejects: it has a time limit as well. */
  async endQuery(server: ClickHouseHttp, id: string): Promise<void> {
    await this.#run(server, `KILL QUERY WHERE query_id = ${sqlString(id)} ASYNC`).catch(() => {});
  }

  /**
   * Resolves when no server runs an insert with this token, whoever has sent it; rejects as `unavailable` while one
   * may. A server that does not answer ends it at its time limit.
   */
  async checkInsertEnded(token: string): Promise<void> {
    await this.#check(
      `position(query_id, ${sqlString(`${INSERT}${token}-`)}) = 1`,
      `an earlier insert of segment ${token}`,
      { goesOnMs: this.#limits.insertTimeoutMs, isGone: () => false },
    );
  }

  /**
   * The same for the jobs of other collectors, and of earlier processes of this one: what they still do would come on
   * top of what is done now. Where a server runs such a statement, it is told to end it.
   */
  async endJobsOfOthers(): Promise<void> {
    const which = `position(query_id, ${sqlString(JOB)}) = 1 AND position(query_id, ${sqlString(JOB + this.#session)}) = 0`;
    const what = 'a statement of the collector that ran the jobs before';
    await this.#check(which, what, {
      goesOnMs: this.#limits.commandTimeoutMs,
      // Or nothing would be counted for minutes whenever a machine with a collector and a server goes down.
      isGone: isRefused,
      onRunning: async (server) => void (await this.#run(server, `KILL QUERY WHERE ${which} ASYNC`)),
    });
  }

  async #check(
    which: string,
    what: string,
    {
      goesOnMs,
      isGone,
      onRunning,
    }: {
      /** So long at most it goes on where nobody can ask for it. */
      readonly goesOnMs: number;
      /** Whether a server that fails with this runs nothing. */
      readonly isGone: (error: unknown) => boolean;
      readonly onRunning?: (server: ClickHouseHttp) => Promise<void>;
    },
  ): Promise<void> {
    const sql = `SELECT toUInt32(count()) FROM system.processes WHERE ${which} FORMAT CSV`;
    const running: ClickHouseHttp[] = [];
    let unanswered: string | null = null;
    await Promise.all(
      this.#servers.map(async (server) => {
        try {
          if ((await this.#run(server, sql)) === '0') return;
          running.push(server);
          await onRunning?.(server);
        } catch (error) {
          if (!isGone(error)) unanswered = error instanceof Error ? error.message : String(error);
        }
      }),
    );
    const [first] = running;
    if (first !== undefined) throw new EngineError('unavailable', `${what} is still running on ${first.origin}`);
    if (unanswered !== null) {
      const sinceMs = this.#unansweredSince.get(which) ?? performance.now();
      this.#unansweredSince.set(which, sinceMs);
      if (performance.now() - sinceMs < goesOnMs) {
        const sentence = `${what} may still be running on a server that does not respond`;
        throw new EngineError('unavailable', `${sentence}: ${unanswered as string}`);
      }
    }
    this.#unansweredSince.delete(which);
  }

  async #run(server: ClickHouseHttp, sql: string): Promise<string> {
    const timeoutMs = this.#limits.pingTimeoutMs;
    const bytes = await server.run({ sql, settings: {}, isRepeatable: true, timeoutMs });
    return Buffer.from(bytes).toString('utf8').trim();
  }
}

/** Nobody listens there: a server that has ended runs nothing. */
function isRefused(error: unknown): boolean {
  return (
    error instanceof UnreachableError &&
    error.cause instanceof Error &&
    (error.cause as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  );
}
