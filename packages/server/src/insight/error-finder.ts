import { Counter, type Registry } from 'prom-client';
import { queryBytes, withView, type QueryContext } from '../query/rows.ts';
import { storedExtent } from '../query/search-windows.ts';
import { querySources, spanSources } from '../query/span-sources.ts';
import { earlierErrorsSql, errorCountSql, errorSpansSql } from './error-sql.ts';
import type { ErrorGroupsPage } from './error-rows.ts';
import type { InsightLimits } from './insight-limits.ts';
import type { InsightThread } from './insight-thread.ts';
import type { TimeWindow } from './window-slices.ts';

export interface ErrorFinderOptions {
  readonly registry: Registry;
  readonly limits: Pick<InsightLimits, 'errorSpansMax' | 'traceLengthMs'>;
  readonly thread: InsightThread;
}

export interface ErrorsQuery {
  readonly window: TimeWindow;
  /** Only failures that began in this service; null for all. */
  readonly service: string | null;
  readonly skip: number;
  readonly limit: number;
}

export interface FoundErrors extends ErrorGroupsPage {
  /** How many spans of the window failed. */
  readonly failedSpanCount: number;
  /** Share of the traces that was read. */
  readonly share: number;
  /** From here on failures were looked for that were there before; the begin of the window where none could be. */
  readonly lookedBackToUnixNano: bigint;
}

const DAY_NS = 86_400_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/**
 * Reads the failed spans of a window and of that before it, a share of the traces of very many, and has them grouped
 * in a thread. What failed earlier is read as well, each kind of failure once.
 */
export class ErrorFinder {
  readonly #limits: ErrorFinderOptions['limits'];
  readonly #thread: InsightThread;
  readonly #sampled: Counter;

  constructor({ registry, limits, thread }: ErrorFinderOptions) {
    this.#limits = limits;
    this.#thread = thread;
    this.#sampled = new Counter({
      name: 'throughline_insight_sampled_errors_total',
      help: 'Windows of which the failures of a share of the traces were grouped, because more spans failed than insight.errorSpansMax',
      registers: [registry],
    });
  }

  /** Rejects as queries to the engine do. */
  find(context: QueryContext, query: ErrorsQuery): Promise<FoundErrors> {
    return this.#thread.counted('errors', context.signal, () => this.#find(context, query));
  }

  async #find(context: QueryContext, { window, service, skip, limit }: ErrorsQuery): Promise<FoundErrors> {
    const { errorSpansMax, traceLengthMs } = this.#limits;
    const length = window.toUnixNano - window.fromUnixNano;
    const before = { fromUnixNano: atLeast0(window.fromUnixNano - length), toUnixNano: window.fromUnixNano };
    const { failedSpanCount, share, lookedBackToUnixNano, answers, earlier } = await withView(context, async (view) => {
      const [extent, counts] = await Promise.all([
        storedExtent(context, view),
        querySources(context, view, (source) => errorCountSql(source, before, window)),
      ]);
      const [now, then] = [0, 1].map((column) => counts.reduce((sum, row) => sum + row.number(column), 0)) as [
        number,
        number,
      ];
      const most = Math.max(now, then);
      const sampled = { failedSpanCount: now, share: most > errorSpansMax ? errorSpansMax / most : 1 };
      if (sampled.share < 1) this.#sampled.inc();
      // A child that explains a failure begins after it.
      const read = { ...before, toUnixNano: window.toUnixNano + BigInt(traceLengthMs) * 1_000_000n };
      const lookedBack = atLeast0(window.fromUnixNano - (2n * length > DAY_NS ? 2n * length : DAY_NS));
      const firstStored = BigInt(extent.firstSecond) * SECOND_NS;
      const lookedBackTo = minOf(lookedBack > firstStored ? lookedBack : firstStored, window.fromUnixNano);
      const sources = spanSources(context.engine.tables, view);
      const ask = (sqls: readonly string[]): Promise<Uint8Array[]> =>
        Promise.all(sqls.map((sql) => queryBytes(context, sql, 'Native')));
      const lookback = { fromUnixNano: lookedBackTo, toUnixNano: before.fromUnixNano };
      const [rows, seen] = await Promise.all([
        most === 0 ? [] : ask(sources.map((source) => errorSpansSql(source, read, sampled.share))),
        most === 0 || lookback.fromUnixNano >= lookback.toUnixNano
          ? []
          : ask(sources.map((source) => earlierErrorsSql(source, lookback, errorSpansMax))),
      ]);
      return { ...sampled, lookedBackToUnixNano: lookedBackTo, answers: rows, earlier: seen };
    });
    const job = { question: 'errors' as const, window, answers, earlier, share, service, skip, limit };
    const page = await this.#thread.run(job, context.signal);
    return { ...page, failedSpanCount, share, lookedBackToUnixNano };
  }
}

function atLeast0(unixNano: bigint): bigint {
  return unixNano > 0n ? unixNano : 0n;
}

function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
