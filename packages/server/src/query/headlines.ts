import type { QueryLimits } from './limits.ts';
import type { MissingShards } from '../storage/engine.ts';
import type { QueryContext } from './rows.ts';
import type { TraceReader } from './trace-reader.ts';
import { findSpanCounts } from './trace-summary.ts';
import { Limiter } from '../limiter.ts';

/**
 * Headlines that have been computed, by trace; those that were not read for the longest are forgotten first. A trace
 * that has grown since has none until it is computed again.
 */
export class Headlines {
  readonly #headlinesMax: number;
  /** In the order of use, the least recent first. */
  readonly #known = new Map<string, { readonly spanCount: number; readonly headline: string }>();
  readonly #limiter: Limiter;

  readonly #traces: TraceReader;

  constructor(
    { headlinesMax, headlineConcurrency }: Pick<QueryLimits, 'headlinesMax' | 'headlineConcurrency'>,
    traces: TraceReader,
  ) {
    this.#traces = traces;
    this.#headlinesMax = headlinesMax;
    // Who waits here is bounded by the requests that the API lets in, times the ids that one may name.
    this.#limiter = new Limiter({
      name: 'headline',
      concurrent: headlineConcurrency,
      waitingMax: Number.POSITIVE_INFINITY,
    });
  }

  /** Null when it has not been computed for so many spans. */
  get(traceId: string, spanCount: number): string | null {
    const known = this.#known.get(traceId);
    if (known === undefined || known.spanCount !== spanCount) return null;
    this.#known.delete(traceId);
    this.#known.set(traceId, known);
    return known.headline;
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * The headlines by trace id; an id of which nothing is stored has none, nor has a trace that could not be read.
   * Rejects where none could be read.
   */
  async compute(context: QueryContext, traceIds: readonly string[]): Promise<Record<string, string>> {
    const spanCounts = await this.#spanCounts(context, traceIds);
    const headlines: Record<string, string> = {};
    const failures: unknown[] = [];
    await Promise.all(
      Array.from(spanCounts, async ([traceId, spanCount]) => {
        try {
          const headline = this.get(traceId, spanCount) ?? (await this.#compute(context, traceId, spanCount));
          if (headline !== null) headlines[traceId] = headline;
        } catch (error) {
          failures.push(error);
        }
      }),
    );
    if (failures.length > 0 && failures.length === spanCounts.size) throw failures[0];
    return headlines;
  }

  /** Partial only where the shard of one of the traces is away. */
  async #spanCounts(context: QueryContext, traceIds: readonly string[]): Promise<Map<string, number>> {
    const { onPartial } = context;
    if (onPartial === undefined) return await findSpanCounts(context, traceIds);
    const without: MissingShards[] = [];
    const found = await findSpanCounts({ ...context, onPartial: (missing) => void without.push(missing) }, traceIds);
    const missing = without.at(-1);
    if (missing !== undefined) {
      const lacks = await Promise.all(traceIds.map((traceId) => missing.lacksTrace(traceId)));
      if (lacks.includes(true)) onPartial(missing);
    }
    return found;
  }

  #compute(context: QueryContext, traceId: string, spanCount: number): Promise<string | null> {
    return this.#limiter.run({ signal: context.signal }, async () => {
      // Another request may have computed it while this one waited.
      const known = this.get(traceId, spanCount);
      if (known !== null) return known;
      const story = await this.#traces.ask(context, traceId, 'story');
      if (story === null) return null;
      const { headline } = story.answer;
      this.#remember(traceId, spanCount, headline);
      return headline;
    });
  }

  #remember(traceId: string, spanCount: number, headline: string): void {
    this.#known.delete(traceId);
    this.#known.set(traceId, { spanCount, headline });
    if (this.#known.size <= this.#headlinesMax) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
