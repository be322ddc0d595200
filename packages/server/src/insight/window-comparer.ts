import { Counter, type Registry } from 'prom-client';
import { JobThread } from '../job-thread.ts';
import { queryBytes, queryRows, withView, type QueryContext } from '../query/rows.ts';
import { EngineError } from '../storage/engine.ts';
import type { InsightLimits } from './insight-limits.ts';
import type { Comparison, InsightJob } from './insight-worker.ts';
import type { SliceRows, WindowRows } from './window-rows.ts';
import { sliceSqls, windowCountSql } from './window-sql.ts';
import { sampleOf, type TimeWindow } from './window-slices.ts';

export interface WindowComparerOptions {
  readonly registry: Registry;
  readonly limits: InsightLimits;
  /** The built `insight-worker.js`. */
  readonly workerPath?: URL;
}

/** Reads windows of traces, a sample of large ones, and has them compared in a thread. */
export class WindowComparer {
  readonly #limits: InsightLimits;
  readonly #thread: JobThread<InsightJob, Comparison>;

  readonly #sampled: Counter;
  readonly #comparisons: Counter<'outcome'>;

  constructor({ registry, limits, workerPath }: WindowComparerOptions) {
    this.#limits = limits;
    this.#sampled = new Counter({
      name: 'throughline_insight_sampled_windows_total',
      help: 'Windows of traces of which a sample was compared, because they have more spans than insight.windowSpansMax',
      registers: [registry],
    });
    this.#comparisons = new Counter({
      name: 'throughline_insight_comparisons_total',
      help: 'Comparisons of two windows by outcome: answered, too_large, failed, left (the client disconnected)',
      labelNames: ['outcome'],
      registers: [registry],
    });
    for (const outcome of ['answered', 'too_large', 'failed', 'left']) this.#comparisons.inc({ outcome }, 0);
    this.#thread = new JobThread({
      workerPath: workerPath ?? new URL('./insight-worker.js', import.meta.url),
      heapBytesMax: limits.heapBytesMax,
      idleMs: limits.threadIdleMs,
      tooLarge: () => new EngineError('too_large', 'the comparison needs more memory than insight.heapBytesMax allows'),
      closed: () => new EngineError('unavailable', 'the collector is stopping'),
      bytesOf: ({ baseline, incident }) =>
        [baseline, incident].flatMap(({ slices }) => slices.flatMap(({ answers }) => answers)),
    });
  }

  /** Rejects as queries to the engine do. */
  async compare(context: QueryContext, baseline: TimeWindow, incident: TimeWindow): Promise<Comparison> {
    try {
      const job = { baseline: await this.#read(context, baseline), incident: await this.#read(context, incident) };
      const comparison = await this.#thread.run(job, context.signal);
      this.#comparisons.inc({ outcome: 'answered' });
      return comparison;
    } catch (error) {
      this.#comparisons.inc({ outcome: outcomeOf(error, context.signal) });
      throw error;
    }
  }

  /** Ends the thread; what waits for it fails. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  /** Slices one after the other: each takes all threads that a query may have. */
  async #read(context: QueryContext, window: TimeWindow): Promise<WindowRows> {
    const { tables } = context.engine;
    const marginNs = BigInt(this.#limits.traceLengthMs) * 1_000_000n;
    return withView(context, async (view) => {
      const [counted] = await queryRows(context, windowCountSql(tables, view, window));
      const spanCount = counted?.number(0) ?? 0;
      const sample = sampleOf(window, spanCount, this.#limits.windowSpansMax);
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

function outcomeOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'left';
  return error instanceof EngineError && error.code === 'too_large' ? 'too_large' : 'failed';
}
