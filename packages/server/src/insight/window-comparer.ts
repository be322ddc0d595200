import { attributesApart, withAttributes, type RequestAttributes } from '@throughline/trace/insight';
import { Counter, type Registry } from 'prom-client';
import { queryBytes, queryRows, withView, type QueryContext } from '../query/rows.ts';
import { EngineError } from '../storage/engine.ts';
import type { InsightLimits } from './insight-limits.ts';
import type { InsightThread } from './insight-thread.ts';
import type { Comparison } from './insight-worker.ts';
import type { SliceRows, WindowRows } from './window-rows.ts';
import { attributesSqls, sliceSqls, windowCountSql } from './window-sql.ts';
import { sampleOf, type TimeWindow } from './window-slices.ts';

export interface WindowComparerOptions {
  readonly registry: Registry;
  readonly limits: InsightLimits;
  readonly thread: InsightThread;
}

/** So many times the spans of a window may be read: a trace goes on behind the window. */
const READ_MAX = 3;

/** What two windows mean together. */
export interface ExplainedWindows extends Pick<Comparison, 'changes'> {
  readonly explanation: Omit<Comparison['explanation'], 'selection'>;
}

/** Reads windows of traces, a sample of large ones, and has them compared in a thread. */
export class WindowComparer {
  readonly #limits: InsightLimits;
  readonly #thread: InsightThread;

  readonly #sampled: Counter;

  constructor({ registry, limits, thread }: WindowComparerOptions) {
    this.#limits = limits;
    this.#thread = thread;
    this.#sampled = new Counter({
      name: 'throughline_insight_sampled_windows_total',
      help: 'Windows of traces of which a sample was compared, because they have more spans than insight.windowSpansMax',
      registers: [registry],
    });
  }

  /** Rejects as queries to the engine do. */
  compare(context: QueryContext, baseline: TimeWindow, incident: TimeWindow): Promise<ExplainedWindows> {
    return this.#thread.counted('windows', context.signal, async () => {
      const job = {
        question: 'windows' as const,
        baseline: await this.#read(context, 'baseline', baseline),
        incident: await this.#read(context, 'incident', incident),
      };
      const comparison = await this.#thread.run(job, context.signal);
      const explanation = await this.#setApart(context, incident, comparison.explanation).catch((error: unknown) => {
        // They are an addition: what was found stands without them.
        context.signal.throwIfAborted();
        if (!(error instanceof EngineError)) throw error;
        const { selection: _unused, ...found } = comparison.explanation;
        return found;
      });
      return { ...comparison, explanation };
    });
  }

  /** Adds what sets the affected requests of the first suspect apart. */
  async #setApart(
    context: QueryContext,
    window: TimeWindow,
    { selection, ...explanation }: Comparison['explanation'],
  ): Promise<ExplainedWindows['explanation']> {
    if (selection === null || selection.traceIds.length === 0 || selection.otherTraceIds.length === 0)
      return explanation;
    const { service } = selection;
    const traceIds = [...selection.traceIds, ...selection.otherTraceIds];
    const marginNs = BigInt(this.#limits.traceLengthMs) * 1_000_000n;
    const range = { fromUnixNano: window.fromUnixNano, toUnixNano: window.toUnixNano + marginNs };
    const rows = await withView(context, (view) =>
      Promise.all(
        attributesSqls(context.engine.tables, view, range, { service, traceIds }).map((sql) => queryRows(context, sql)),
      ),
    );
    const requests = new Map<string, Map<string, string>>();
    for (const row of rows.flat()) {
      const attributes = requests.get(row.text(0)) ?? new Map<string, string>();
      requests.set(row.text(0), attributes);
      const [keys, values] = [row.array(1), row.array(2)];
      for (let at = 0; at < keys.length; at++) {
        attributes.set(keys.text(at), values.text(at));
      }
    }
    const of = (ids: readonly string[]): RequestAttributes[] => ids.flatMap((id) => requests.get(id) ?? []);
    const apart = attributesApart(of(selection.traceIds), of(selection.otherTraceIds));
    return withAttributes(explanation, apart);
  }

  /** Slices one after the other: each takes all threads that a query may have. */
  async #read(context: QueryContext, kind: 'baseline' | 'incident', window: TimeWindow): Promise<WindowRows> {
    const { tables } = context.engine;
    const marginNs = BigInt(this.#limits.traceLengthMs) * 1_000_000n;
    return withView(context, async (view) => {
      const [counted] = await queryRows(context, windowCountSql(tables, view, window, marginNs));
      const spanCount = counted?.number(0) ?? 0;
      const spansMax = this.#limits.windowSpansMax;
      // A store may be younger than the window, or the window reach into the future.
      const isClipped = spanCount > 0 && (kind === 'baseline' || spanCount > spansMax);
      const used =
        counted === undefined || !isClipped
          ? window
          : { fromUnixNano: counted.bigint(2), toUnixNano: counted.bigint(3) + 1n };
      const sampled = sampleOf(used, spanCount, spansMax, marginNs);
      // What follows a short window may be much more than what is in it.
      const shareMax = (READ_MAX * spansMax) / Math.max(1, counted?.number(1) ?? 0);
      const isWhole = sampled.slices.length === 1 && sampled.slices[0] === used;
      const sample = isWhole ? { ...sampled, share: Math.min(sampled.share, shareMax) } : sampled;
      if (sample.share < 1 || sample.slices.length > 1) this.#sampled.inc();
      const slices: SliceRows[] = [];
      for (const slice of sample.slices) {
        const answers = await Promise.all(
          sliceSqls(tables, view, slice, sample, marginNs).map((sql) => queryBytes(context, sql, 'Native')),
        );
        slices.push({ slice, readUntilUnixNano: slice.toUnixNano + marginNs, answers });
      }
      return { window, slices, spanCount, share: sample.share };
    });
  }
}
