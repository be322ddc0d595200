import type { SpanView } from '../storage/span-visibility.ts';
import {
  candidatesSql,
  matchesOfTracesSql,
  tracesAcrossSql,
  LOOKBACK_MS_MAX,
  LOOKBACK_MS_MIN,
  type Candidate,
  type CandidateQuery,
  type Crossing,
} from './candidates.ts';
import { findFarTraces, stretchesOfTraces } from './far-traces.ts';
import { queryRows, type JsonRow, type QueryContext } from './rows.ts';
import { mayStartIn, SECOND_NS, searchWindows, type SearchWindow, type StoredExtent } from './search-windows.ts';
import { matchesAll, type SpanFilter } from './span-filter.ts';
import { querySources, spanSources, uncountedSources, type SpanSource } from './span-sources.ts';
import type { TracePosition, TraceSearch } from './trace-search.ts';
import type { StoredTraceSummary, SummarisedTrace } from './service-of-trace.ts';
import { findTraceSummaries } from './trace-summary.ts';
import type { Seconds } from './trace-times.ts';
import type { Tables } from '../storage/tables.ts';

export interface FoundTrace {
  readonly trace: StoredTraceSummary;
  readonly position: TracePosition;
}

type Asked = Omit<CandidateQuery, 'isLoose'>;

/** Where matches are looked for. */
type Part = Pick<CandidateQuery, 'window' | 'crossing'>;

/** The query for the first candidates of a part has begun. */
interface Begun {
  readonly part: Part;
  readonly asked: { readonly limit: number; readonly candidates: Promise<Candidate[]> };
}

/** Where every span matches, the first window holds so much of `searchWindowSpans` … */
const UNFILTERED_SHARE = 1 / 5;
/** … and for a search with a service, whose spans stand side by side in the store, so many times as much. */
const SERVICE_SHARE = 8;
/** So many more candidates than traces that are wanted: a trace is settled when candidates behind it are known. */
const BATCH_SPARE = 0.5;
/** Candidates that one statement answers at most. */
const CANDIDATES_MAX = 2_000;
/** Most traces have no span that starts later than so long after them. */
const USUAL_TRACE_SECONDS = 10;
const MS_NS = 1_000_000n;
/**
 * Of so many traces or more fewer than one in so many had the duration of the search: from then on the engine looks at
 * durations first.
 */
const REFUSED_SAMPLE = 16;
const REFUSED_SHARE = 8;

/**
 * Finds the first traces in the order of search. Spans that match are looked for in windows of time that grow, the
 * newest first; their traces are then summarised. A trace's place is never before that of its newest match, so what
 * comes before a window's begin is settled when the window has been looked through, and what follows it waits.
 */
export class TraceFinder {
  readonly #context: QueryContext;
  readonly #tables: Tables;
  readonly #view: SpanView;
  readonly #extent: StoredExtent;
  readonly #search: TraceSearch;
  readonly #found: FoundTrace[] = [];
  readonly #seen = new Set<string>();
  #batch = 0;
  /** In the order of their matches; summarised together, when they may fill the page. */
  #pending: Candidate[] = [];
  #summarised = 0;
  #ofFresh: Promise<Candidate[] | null> | null = null;

  constructor(context: QueryContext, view: SpanView, extent: StoredExtent, search: TraceSearch) {
    this.#context = context;
    this.#tables = context.engine.tables;
    this.#view = view;
    this.#extent = extent;
    this.#search = search;
  }

  async find(wanted: number): Promise<FoundTrace[]> {
    const { range, after, filter } = this.#search;
    this.#batch = wanted + Math.ceil(wanted * BATCH_SPARE);
    const fromUnixNano = range.fromUnixNano ?? 0n;
    const cut = after === null || this.#isLive(after.startTimeUnixNano) ? null : after.startTimeUnixNano;
    const windows = searchWindows(
      this.#extent,
      { fromUnixNano: range.fromUnixNano, toUnixNano: smaller(cut ?? LAST_NS, range.toUnixNano) },
      this.#context.limits.searchWindowSpans * windowShare(filter),
      () => this.#found.length + this.#pending.length > 0,
    );
    // Asked at once, and looked at one behind the other: what is far has its place by itself.
    const behind = this.#begin(this.#behind());
    const newest = this.#beginNext(windows, wanted);
    // What is rare is in none of the first spans: then everything is read, while what is far is looked for.
    const second = newest?.asked.candidates.then(
      ({ length }) => (length === 0 ? this.#beginNext(windows, wanted) : null),
      () => null,
    );
    await this.#lookFar();
    if (behind !== null) await this.#lookThrough(behind.part, null, behind.asked);
    if (cut !== null) {
      // Behind the last page's end are also traces of which a span after it matches.
      const window = { fromUnixNano: cut + 1n, toUnixNano: range.toUnixNano ?? LAST_NS };
      await this.#lookThrough({ window, crossing: { unixNano: cut, reaches: 'before' } }, null);
    }
    if (newest !== null) {
      await this.#lookThrough(newest.part, wanted, newest.asked);
      if (this.#settled(newest.part.window.fromUnixNano) >= wanted) return this.#inOrder(wanted);
    }
    // Where nothing has been found yet, the page is hardly ever full.
    const hasNone = this.#found.length + this.#pending.length === 0;
    const before = hasNone ? this.#begin(this.#before(fromUnixNano)) : null;
    for (
      let next = (await second) ?? this.#beginNext(windows, wanted);
      next !== null;
      next = this.#beginNext(windows, wanted)
    ) {
      await this.#lookThrough(next.part, wanted, next.asked);
      if (this.#settled(next.part.window.fromUnixNano) >= wanted) return this.#inOrder(wanted);
    }
    await this.#summarisePending();
    const last = before ?? this.#begin(this.#before(fromUnixNano));
    if (last !== null) await this.#lookThrough(last.part, null, last.asked);
    return this.#inOrder(wanted);
  }

  /** Null behind the last one. */
  #beginNext(windows: Iterator<SearchWindow, void>, wanted: number): Begun | null {
    const { value: window } = windows.next();
    const part = window === undefined ? null : { window: this.#within(window, wanted), crossing: null };
    return this.#begin(part, this.#batch);
  }

  /** Asks for what comes first, and lets it wait. */
  #begin(part: Part | null, limit = CANDIDATES_MAX): Begun | null {
    if (part === null) return null;
    const asked = this.#candidates({ ...part, after: null, limit, byDuration: false });
    asked.catch(() => {});
    return { part, asked: { limit, candidates: asked } };
  }

  /**
   * Traces of which a span far from the range matches, and their matches wherever they are: whatever they have, it is
   * known before the windows are looked through. Where the range is open, all that a page's end cuts off.
   */
  async #lookFar(): Promise<void> {
    const { range, after, filter } = this.#search;
    const isOpen = range.fromUnixNano === null && range.toUnixNano === null;
    if (isOpen && after === null) return;
    const cut = after?.startTimeUnixNano ?? null;
    const within = isOpen ? { fromUnixNano: cut, toUnixNano: cut } : range;
    const around = {
      before: isOpen ? 0 : Number(this.#lookbackNs(range.fromUnixNano ?? 0n) / SECOND_NS),
      behind: LOOKBACK_MS_MIN / 1_000,
    };
    const traceIds = await findFarTraces(this.#context, this.#view, within, around, !isOpen && !matchesAll(filter));
    const hasHints = this.#context.engine.hasAttributeFilter;
    for (let first = 0; first < traceIds.length; first += CANDIDATES_MAX) {
      const some = traceIds.slice(first, first + CANDIDATES_MAX);
      const seconds = await stretchesOfTraces(this.#context, this.#view, some);
      const rows = await querySources(this.#context, this.#view, (source) =>
        matchesOfTracesSql(this.#search, source, some, seconds, hasHints),
      );
      await this.#summarise(newestOf(rows.map(candidateOf)), isOpen ? 'match' : 'start', () => null);
    }
  }

  /**
   * Matches behind the range, of traces that are in it: their places may be anywhere in it. Where all spans match,
   * those in it do.
   */
  #behind(): Part | null {
    const { range, filter } = this.#search;
    const { toUnixNano } = range;
    if (toUnixNano === null || matchesAll(filter)) return null;
    const window = { fromUnixNano: toUnixNano + 1n, toUnixNano: toUnixNano + BigInt(LOOKBACK_MS_MIN) * MS_NS };
    return mayStartIn(this.#extent, window) ? { window, crossing: { unixNano: toUnixNano, reaches: 'before' } } : null;
  }

  /** Matches before the range, of traces that last until then. */
  #before(fromUnixNano: bigint): Part | null {
    if (fromUnixNano === 0n) return null;
    const first = larger(0n, fromUnixNano - this.#lookbackNs(fromUnixNano));
    const window = { fromUnixNano: first, toUnixNano: smaller(fromUnixNano - 1n, this.#search.range.toUnixNano) };
    return mayStartIn(this.#extent, window)
      ? { window, crossing: { unixNano: fromUnixNano, reaches: 'behind' } }
      : null;
  }

  /** As long as the range, within bounds: what began before it costs no more than what began in it. */
  #lookbackNs(fromUnixNano: bigint): bigint {
    const { toUnixNano } = this.#search.range;
    const behind = BigInt(this.#extent.lastSecond + 1) * SECOND_NS;
    const length = larger(0n, smaller(toUnixNano ?? behind, behind) - fromUnixNano);
    return larger(BigInt(LOOKBACK_MS_MIN) * MS_NS, smaller(length, BigInt(LOOKBACK_MS_MAX) * MS_NS));
  }

  /** Whether spans from about then may not be in `trace_times` yet. */
  #isLive(unixNano: bigint): boolean {
    const { uncounted, fresh } = this.#view;
    if (uncounted === null && fresh.length === 0) return false;
    const first = Math.min(uncounted?.seconds.first ?? this.#extent.lastSecond, this.#extent.lastSecond);
    return unixNano >= BigInt(first - USUAL_TRACE_SECONDS) * SECOND_NS;
  }

  /**
   * Stops before the end of the window when so many traces are settled; never where `wanted` is null. Candidates that
   * cannot fill the page yet are left to be summarised with those of the next window.
   */
  async #lookThrough(part: Part, wanted: number | null, asked: Begun['asked'] | null = null): Promise<void> {
    let after: Candidate | null = null;
    let next = asked;
    for (;;) {
      const limit: number = next?.limit ?? (wanted === null ? CANDIDATES_MAX : this.#batch);
      const window = this.#within(part.window, wanted);
      const query = { ...part, window, after, limit, byDuration: this.#refusesMost() };
      const candidates: Candidate[] = await (next?.candidates ?? this.#candidates(query));
      next = null;
      after = candidates.at(-1) ?? null;
      this.#pending.push(...candidates);
      const isLast = after === null || candidates.length < limit;
      if (!isLast || wanted === null || this.#found.length + this.#pending.length >= wanted) {
        await this.#summarisePending();
      }
      if (after === null || isLast) return;
      if (wanted === null) continue;
      if (this.#settled(after.matchUnixNano + 1n) >= wanted) return;
      this.#batch = Math.min(limit * 2, CANDIDATES_MAX);
    }
  }

  /** Of a window what may come before the last trace that is wanted: no trace comes before its newest match. */
  #within(window: SearchWindow, wanted: number | null): SearchWindow {
    const last = wanted === null || this.#found.length < wanted ? undefined : this.#inOrder(wanted).at(-1);
    if (last === undefined) return window;
    return { ...window, fromUnixNano: larger(window.fromUnixNano, last.position.startTimeUnixNano) };
  }

  async #summarisePending(): Promise<void> {
    const pending = newestOf(this.#pending);
    this.#pending = [];
    await this.#summarise(pending, 'match', startsOf);
  }

  /** Whether few of the traces that match have the duration of the search. */
  #refusesMost(): boolean {
    return this.#summarised >= REFUSED_SAMPLE && this.#found.length * REFUSED_SHARE < this.#summarised;
  }

  async #candidates(query: Asked): Promise<Candidate[]> {
    const { crossing, after, limit } = query;
    // An attribute of a search is mostly rare. To look across for whatever matches takes the engine as long again, when
    // nothing does as well.
    if (crossing !== null && after === null && this.#search.filter.tags.length > 0) {
      const all = await this.#ofSources({ ...query, crossing: null }, false);
      if (all.length < limit) return await this.#across(all, crossing, query.window);
    }
    return await this.#ofSources(query, crossing === null);
  }

  async #ofSources(query: Asked, isInRange: boolean): Promise<Candidate[]> {
    const answers = await Promise.all(
      spanSources(this.#tables, this.#view).map((source) =>
        isInRange && source.kind !== 'stored' ? this.#askFresh(source, query) : this.#ask(source, query),
      ),
    );
    // Where one source has more, nothing is known of the others behind its last one.
    return newestOf(answers.flat()).slice(0, query.limit);
  }

  /** Those that have a span on the other side of the moment. */
  async #across(candidates: readonly Candidate[], crossing: Crossing, window: SearchWindow): Promise<Candidate[]> {
    if (candidates.length === 0) return [];
    const traceIds = candidates.map(({ traceId }) => traceId);
    const sql = tracesAcrossSql(this.#tables, crossing, uncountedSources(this.#tables, this.#view), window, traceIds);
    const across = new Set((await queryRows(this.#context, sql)).map((row) => row.text(0)));
    return candidates.filter(({ traceId }) => across.has(traceId));
  }

  /** Exactly where it is not known that it makes no difference. */
  async #ask(source: SpanSource, query: Asked): Promise<Candidate[]> {
    const loose = await this.#rows(source, { ...query, isLoose: true });
    const isDoubtful = loose.some((row) => row.number(2) > 0);
    return (isDoubtful ? await this.#rows(source, { ...query, isLoose: false }) : loose).map(candidateOf);
  }

  #rows(source: SpanSource, query: CandidateQuery): Promise<JsonRow[]> {
    const hasHints = this.#context.engine.hasAttributeFilter;
    const sql = candidatesSql(
      this.#tables,
      this.#search,
      source,
      uncountedSources(this.#tables, this.#view),
      query,
      hasHints,
    );
    return queryRows(this.#context, sql);
  }

  /** All of them are read at once where they are few: every window would look at every fresh span again. */
  async #askFresh(source: SpanSource, query: Asked): Promise<Candidate[]> {
    const { window, after } = query;
    if (this.#search.after !== null) return this.#ask(source, query);
    const { fromUnixNano, toUnixNano } = this.#search.range;
    const whole = { fromUnixNano: fromUnixNano ?? 0n, toUnixNano: toUnixNano ?? LAST_NS };
    this.#ofFresh ??= this.#ask(source, {
      window: whole,
      crossing: null,
      after: null,
      limit: CANDIDATES_MAX,
      byDuration: false,
    }).then((candidates) => (candidates.length < CANDIDATES_MAX ? candidates : null));
    const all = await this.#ofFresh;
    if (all === null) return this.#ask(source, query);
    return all.filter(
      (candidate) =>
        candidate.matchUnixNano >= window.fromUnixNano &&
        candidate.matchUnixNano <= window.toUnixNano &&
        (after === null || compareCandidates(after, candidate) < 0),
    );
  }

  /**
   * Places at its root's start, as it is shown, what is known to be all that has matches far away; and all else not
   * before its newest match. `probablyWithin`: in which seconds the traces probably start.
   */
  async #summarise(
    candidates: readonly Candidate[],
    place: 'start' | 'match',
    probablyWithin: (candidates: readonly Candidate[]) => Seconds | null,
  ): Promise<void> {
    const unseen = candidates.filter(({ traceId }) => !this.#seen.has(traceId));
    for (const { traceId } of unseen) this.#seen.add(traceId);
    this.#summarised += unseen.length;
    const traceIds = unseen.map(({ traceId }) => traceId);
    const summaries = await findTraceSummaries(this.#context, this.#view, traceIds, probablyWithin(unseen));
    for (const { traceId, matchUnixNano } of unseen) {
      const summarised = summaries.get(traceId);
      if (summarised === undefined || !this.#isAskedFor(summarised)) continue;
      const { trace } = summarised;
      const start = BigInt(trace.startTimeUnixNano);
      const startTimeUnixNano = place === 'start' ? start : smaller(start, matchUnixNano);
      const position = { startTimeUnixNano, traceId };
      if (this.#search.after === null || isBehind(position, this.#search.after)) this.#found.push({ trace, position });
    }
  }

  #isAskedFor({ trace, lastEndNs, firstStartNs }: SummarisedTrace): boolean {
    const { minDurationNs, maxDurationNs, range } = this.#search;
    return (
      // The root's duration is a part of the extent. A clock that is off makes that longer than anything took.
      (minDurationNs === null || BigInt(trace.extentNs) >= minDurationNs) &&
      (maxDurationNs === null || BigInt(trace.durationNs) <= maxDurationNs) &&
      lastEndNs >= (range.fromUnixNano ?? 0n) &&
      firstStartNs <= (range.toUnixNano ?? LAST_NS)
    );
  }

  /** How many traces are at this moment or later. */
  #settled(unixNano: bigint): number {
    return this.#found.filter(({ position }) => position.startTimeUnixNano >= unixNano).length;
  }

  #inOrder(wanted: number): FoundTrace[] {
    return this.#found.toSorted((a, b) => (isBehind(b.position, a.position) ? -1 : 1)).slice(0, wanted);
  }
}

function windowShare(filter: SpanFilter): number {
  if (matchesAll(filter)) return UNFILTERED_SHARE;
  return filter.service === null ? 1 : SERVICE_SHARE;
}

function candidateOf(row: JsonRow): Candidate {
  return { traceId: row.text(0), matchUnixNano: row.bigint(1) };
}

/** Each trace once, in their order. */
function newestOf(candidates: readonly Candidate[]): Candidate[] {
  const newest = new Map<string, bigint>();
  for (const { traceId, matchUnixNano: match } of candidates) {
    if ((newest.get(traceId) ?? -1n) < match) newest.set(traceId, match);
  }
  return Array.from(newest, ([traceId, matchUnixNano]) => ({ traceId, matchUnixNano })).toSorted(compareCandidates);
}

/** When the spans of candidates, which are in the order of their matches, probably start: some began before. */
function startsOf(candidates: readonly Candidate[]): Seconds | null {
  const [newest, oldest] = [candidates[0], candidates.at(-1)];
  if (newest === undefined || oldest === undefined) return null;
  return { first: Math.max(0, secondOf(oldest) - 1), last: secondOf(newest) + USUAL_TRACE_SECONDS };
}

/** In the order of their newest matches. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return compare(b.matchUnixNano, a.matchUnixNano) || (a.traceId < b.traceId ? -1 : Number(a.traceId > b.traceId));
}

function secondOf({ matchUnixNano }: Candidate): number {
  return Number(matchUnixNano / SECOND_NS);
}

function isBehind(a: TracePosition, b: TracePosition): boolean {
  if (a.startTimeUnixNano !== b.startTimeUnixNano) return a.startTimeUnixNano < b.startTimeUnixNano;
  return a.traceId > b.traceId;
}

const LAST_NS = 2n ** 63n - 1n;

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

function larger(a: bigint, b: bigint): bigint {
  return b > a ? b : a;
}

function smaller(a: bigint, b: bigint | null): bigint {
  return b !== null && b < a ? b : a;
}
