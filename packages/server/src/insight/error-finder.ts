import { normalMessage, withEarlier, type ErrorGroup } from '@throughline/trace/insight';
import { Counter, type Registry } from 'prom-client';
import { EngineError, queryBytes, withView, type QueryContext } from '../query/rows.ts';
import { storedExtent } from '../query/search-windows.ts';
import { querySources, spanSources, type SpanSource } from '../query/span-sources.ts';
import { earlierErrorsSql, errorCountSql, errorSpansSql, type EarlierErrors, type FailurePlace } from './error-sql.ts';
import type { ErrorGroupsPage, SeenEarlier } from './error-rows.ts';
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
  /**
   * From here on failures were looked for that were there before: the begin of the window before where the engine did
   * not answer what was earlier, that of the window where nothing could be.
   */
  readonly lookedBackToUnixNano: bigint;
}

const DAY_NS = 86_400_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/**
 * Reads the failed spans of a window and of that before it, a share of the traces of very many, and has them grouped
 * in a thread. For what seems new it looks whether it was there earlier.
 */
export class ErrorFinder {
  readonly #limits: ErrorFinderOptions['limits'];
  readonly #thread: InsightThread;
  readonly #sampled: Counter;
  readonly #shortened: Counter;

  constructor({ registry, limits, thread }: ErrorFinderOptions) {
    this.#limits = limits;
    this.#thread = thread;
    this.#sampled = new Counter({
      name: 'throughline_insight_sampled_errors_total',
      help: 'Windows of which the failures of a share of the traces were grouped, because more spans failed than insight.errorSpansMax',
      registers: [registry],
    });
    this.#shortened = new Counter({
      name: 'throughline_insight_short_lookbacks_total',
      help: 'Answers about failures that say nothing of the time before the two windows, because the store did not answer that question',
      registers: [registry],
    });
  }

  /** Rejects as queries to the engine do. */
  find(context: QueryContext, query: ErrorsQuery): Promise<FoundErrors> {
    return this.#thread.counted('errors', context.signal, () => this.#find(context, query));
  }

  async #find(context: QueryContext, { window, service, skip, limit }: ErrorsQuery): Promise<FoundErrors> {
    const { errorSpansMax, traceLengthMs } = this.#limits;
    const childrenNs = BigInt(traceLengthMs) * 1_000_000n;
    const length = window.toUnixNano - window.fromUnixNano;
    const before = { fromUnixNano: atLeast0(window.fromUnixNano - length), toUnixNano: window.fromUnixNano };
    return withView(context, async (view) => {
      const sources = spanSources(context.engine.tables, view);
      const [extent, counts] = await Promise.all([
        storedExtent(context, view),
        querySources(context, view, (source) => errorCountSql(source, before, window)),
      ]);
      const [now, then] = [0, 1].map((column) => counts.reduce((sum, row) => sum + row.number(column), 0)) as [
        number,
        number,
      ];
      const most = Math.max(now, then);
      const share = most > errorSpansMax ? errorSpansMax / most : 1;
      if (share < 1) this.#sampled.inc();
      const lookedBack = atLeast0(window.fromUnixNano - (2n * length > DAY_NS ? 2n * length : DAY_NS));
      const firstStored = BigInt(extent.firstSecond) * SECOND_NS;
      const lookedBackToUnixNano = minOf(lookedBack > firstStored ? lookedBack : firstStored, window.fromUnixNano);
      // A child that explains a failure begins after it.
      const read = { ...before, toUnixNano: window.toUnixNano + childrenNs };
      const answers = most === 0 ? [] : await askAll(context, sources, (source) => errorSpansSql(source, read, share));
      const job = { question: 'errors' as const, window, answers, share, service, skip, limit };
      const page = await this.#thread.run(job, context.signal);
      const lookback = { fromUnixNano: lookedBackToUnixNano, toUnixNano: before.fromUnixNano };
      const look = { range: lookback, rowsMax: errorSpansMax, all: sources, childrenNs };
      const places = lookback.fromUnixNano < lookback.toUnixNano ? placesOf(page.groups) : [];
      const earlier = await this.#lookBack(context, look, places);
      const seen = await this.#seen(earlier ?? [], errorSpansMax, context.signal);
      const { completeFromUnixNano } = seen;
      return {
        ...page,
        groups: withEarlier(page.groups, seen.firstUnixNano),
        failedSpanCount: now,
        share,
        lookedBackToUnixNano:
          earlier === null ? before.fromUnixNano : maxOf(lookedBackToUnixNano, completeFromUnixNano),
      };
    });
  }

  /** What failed earlier is worth less than what fails now: null where the engine does not answer it. */
  async #lookBack(
    context: QueryContext,
    look: Omit<EarlierErrors, 'places'>,
    all: readonly FailurePlace[],
  ): Promise<readonly Uint8Array[] | null> {
    const answers: Uint8Array[] = [];
    try {
      for (const places of inStatements(all)) {
        const ask = { ...look, places };
        answers.push(...(await askAll(context, look.all, (source) => earlierErrorsSql(source, ask))));
      }
      return answers;
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      this.#shortened.inc();
      return null;
    }
  }

  #seen(answers: readonly Uint8Array[], rowsMax: number, signal: AbortSignal): Promise<SeenEarlier> {
    if (answers.length === 0) return Promise.resolve({ firstUnixNano: new Map(), completeFromUnixNano: 0n });
    return this.#thread.run({ question: 'earlier-errors', answers, rowsMax }, signal);
  }
}

function askAll(
  context: QueryContext,
  sources: readonly SpanSource[],
  sqlOf: (source: SpanSource) => string,
): Promise<Uint8Array[]> {
  return Promise.all(sources.map((source) => queryBytes(context, sqlOf(source), 'Native')));
}

/** Where those began that seem new: only these may have been there earlier, and most failures are not new. */
function placesOf(groups: readonly ErrorGroup[]): FailurePlace[] {
  const places = new Map<string, FailurePlace>();
  for (const { service, operation, state } of groups) {
    if (state !== 'new') continue;
    // An operation with a number in its name may have had another one.
    const isOne = operation.length <= NAME_MAX && normalMessage(operation, operation.length) === operation;
    const place = { service, operation: isOne ? operation : null };
    places.set(JSON.stringify(place), place);
  }
  return [...places.values()];
}

/** In UTF-16 units. A longer name is not worth its place in a statement: all of its service is searched. */
const NAME_MAX = 200;

/** In bytes, before they are escaped; ClickHouse reads statements of at most 256 KiB. */
const PLACES_BYTES_MAX = 60_000;

function inStatements(places: readonly FailurePlace[]): FailurePlace[][] {
  const statements: FailurePlace[][] = [];
  let bytes = Infinity;
  for (const place of places) {
    const own = PLACE_BYTES + Buffer.byteLength(place.service) + Buffer.byteLength(place.operation ?? '');
    if (bytes + own > PLACES_BYTES_MAX) {
      statements.push([]);
      bytes = 0;
    }
    statements.at(-1)!.push(place);
    bytes += own;
  }
  return statements;
}

/** What is around its texts. */
const PLACE_BYTES = 40;

function atLeast0(unixNano: bigint): bigint {
  return unixNano > 0n ? unixNano : 0n;
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
