import { Counter, type Registry } from 'prom-client';
import { queryBytes, withView, type QueryContext } from '../query/rows.ts';
import { querySources, spanSources } from '../query/span-sources.ts';
import type { Apart } from './apart-rows.ts';
import { rootsSql, selectionCountSql, selectionSql, type Selection, type Selections } from './apart-sql.ts';
import type { InsightLimits } from './insight-limits.ts';
import type { InsightThread } from './insight-thread.ts';
import type { TimeWindow } from './window-slices.ts';

export interface ApartFinderOptions {
  readonly registry: Registry;
  readonly limits: Pick<InsightLimits, 'apartRequestsMax' | 'traceLengthMs'>;
  readonly thread: InsightThread;
}

export interface ApartQuery {
  readonly window: TimeWindow;
  readonly selection: Selection;
  /** Null for all other spans of the same service and operation. */
  readonly others: Selection | null;
  readonly limit: number;
}

export interface FoundApart extends Apart {
  /** How many spans of the window are selected. */
  readonly selectedSpanCount: number;
  /** How many the selection is held against. */
  readonly otherSpanCount: number;
}

/** Finds what sets spans apart from others: reads a sample of both, by trace ID, and compares them in a thread. */
export class ApartFinder {
  readonly #limits: ApartFinderOptions['limits'];
  readonly #thread: InsightThread;
  readonly #sampled: Counter;

  constructor({ registry, limits, thread }: ApartFinderOptions) {
    this.#limits = limits;
    this.#thread = thread;
    this.#sampled = new Counter({
      name: 'throughline_insight_sampled_selections_total',
      help: 'Selections of spans of which a sample was looked at, because they, or what they are held against, have more than insight.apartRequestsMax',
      registers: [registry],
    });
  }

  /** Rejects as queries to the engine do. */
  find(context: QueryContext, query: ApartQuery): Promise<FoundApart> {
    return this.#thread.counted('apart', context.signal, () => this.#find(context, query));
  }

  async #find(context: QueryContext, { limit, ...given }: ApartQuery): Promise<FoundApart> {
    const { apartRequestsMax: requestsMax, traceLengthMs } = this.#limits;
    const asked: Selections = { ...given, hasHashes: context.engine.hasAttributeFilter };
    const { selectedSpanCount, otherSpanCount, ...read } = await withView(context, async (view) => {
      const counts = await querySources(context, view, (source) => selectionCountSql(source, asked));
      const [selected, others] = [0, 1].map((column) => counts.reduce((sum, row) => sum + row.number(column), 0)) as [
        number,
        number,
      ];
      const shares = { selected: shareOf(selected, requestsMax), others: shareOf(others, requestsMax) };
      if (shares.selected < 1 || shares.others < 1) this.#sampled.inc();
      const sources = spanSources(context.engine.tables, view);
      const ask = (sqls: readonly string[]): Promise<Uint8Array[]> =>
        Promise.all(sqls.map((sql) => queryBytes(context, sql, 'Native')));
      const lead = { leadNs: BigInt(traceLengthMs) * 1_000_000n, requestsMax };
      const isOfRoots = asked.selection.service === null && (asked.others?.service ?? null) === null;
      const [answers, roots] =
        selected === 0
          ? [[], []]
          : await Promise.all([
              ask(sources.map((source) => selectionSql(source, asked, shares, requestsMax))),
              isOfRoots ? [] : ask(sources.map((source) => rootsSql(source, sources, asked, shares, lead))),
            ]);
      return { selectedSpanCount: selected, otherSpanCount: others, answers, roots, shares };
    });
    const apart = await this.#thread.run({ question: 'apart', ...read, limit }, context.signal);
    return { ...apart, selectedSpanCount, otherSpanCount };
  }
}

function shareOf(count: number, max: number): number {
  return count > max ? max / count : 1;
}
