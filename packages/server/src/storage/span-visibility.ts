/**
 * Where the spans are that have come: in a table of fresh ones, stored, and counted in the derived tables. A query
 * takes a view when it begins, so that it finds every span once while they move from one to the next.
 */

/** Both ends are included; see `ingest/arrival-clock.ts`. */
export interface ArrivalRange {
  readonly first: number;
  readonly last: number;
}

/** Seconds since the epoch in which spans start, both included. */
export interface Seconds {
  readonly first: number;
  readonly last: number;
}

/** The last one that a DateTime holds. */
export const LAST_SECOND = 0xffff_ffff;

/** What a segment brings into `spans`; null where a version without arrivals has written it. */
export interface Batch {
  readonly arrivals: ArrivalRange | null;
  readonly seconds: Seconds;
  readonly rows: number;
}

export interface SpanView {
  /** Their spans are read from the fresh tables, and nowhere else. */
  readonly fresh: readonly ArrivalRange[];
  /**
   * What is stored and not in the derived tables yet, or not in the one that the view was taken for; null where there
   * is nothing.
   */
  readonly uncounted: Uncounted | null;
  /**
   * False when that table was changing, and as soon as it has begun to: rows that were read since may come from before
   * and from after.
   */
  readonly isCurrent: () => boolean | Promise<boolean>;
  release(): void;
}

export interface Uncounted {
  /** Spans that arrived later are not in the derived tables. */
  readonly countedUntil: number;
  readonly seconds: Seconds;
  /** Some that arrived earlier may not be in them either: they were stored late, or nobody knows when they came. */
  readonly hasLate: boolean;
}

const NO_VIEW: SpanView = { fresh: [], uncounted: null, isCurrent: () => true, release: () => {} };

/** What queries need of it. */
export interface Visibility {
  /** Resolves when a view finds what has been acknowledged, or what can be had of it soon. Never rejects. */
  published(): Promise<void>;
  /**
   * The same of what was acknowledged a moment ago and no view finds yet: resolves to whether there was any. Never
   * rejects.
   */
  pendingPublished(): Promise<boolean>;
  /** `table`: the derived table that the query reads; without it the view is of what all of them have. */
  view(table?: string): SpanView;
  /** Resolves when nothing is being added to a derived table. */
  settled(table: string): Promise<void>;
}

/** Everything is stored and counted. */
export const ALL_COUNTED: Visibility = {
  published: () => Promise.resolve(),
  pendingPublished: () => Promise.resolve(false),
  view: () => NO_VIEW,
  settled: () => Promise.resolve(),
};

/** What one derived table has, or several that a query may read together. */
interface TableState {
  countedUntil: number;
  version: number;
  filling: Promise<void> | null;
}

export class SpanVisibility implements Visibility {
  #publish: () => Promise<void> = () => Promise.resolve();
  #publishPending: () => Promise<boolean> = () => Promise.resolve(false);
  #queries = 0;
  #fresh: readonly ArrivalRange[] = [];
  #stored: readonly Batch[] = [];
  #countedUntil = 0;
  /** Of all derived tables at once. */
  #version = 0;
  #counting: Promise<void> | null = null;
  readonly #tables = new Map<string, TableState>();
  /** Queries that have a view, and the table that each reads. */
  readonly #open = new Map<symbol, string | undefined>();
  #waiting: { readonly queries: Set<symbol>; readonly resolve: () => void }[] = [];

  /** Spans that are stored and not counted. */
  get uncountedRows(): number {
    return this.#stored.reduce((sum, { rows }) => sum + rows, 0);
  }

  get countedUntil(): number {
    return this.#countedUntil;
  }

  /**
   * `publish` makes findable what has been acknowledged; it is called before each view that a query takes. Neither
   * must reject.
   */
  publishBy(publish: () => Promise<void>, publishPending: () => Promise<boolean>): void {
    this.#publish = publish;
    this.#publishPending = publishPending;
  }

  /** How many have been asked. */
  get queries(): number {
    return this.#queries;
  }

  published(): Promise<void> {
    this.#queries += 1;
    return this.#publish();
  }

  pendingPublished(): Promise<boolean> {
    return this.#publishPending();
  }

  view(table?: string): SpanView {
    const query = Symbol();
    this.#open.set(query, table);
    const state = table === undefined ? undefined : this.#tables.get(table);
    const version = this.#versionOf(table);
    const isChanging = this.#counting !== null || (state?.filling ?? null) !== null;
    return {
      fresh: this.#fresh,
      uncounted: this.#uncounted(state?.countedUntil ?? 0),
      isCurrent: () => !isChanging && this.#versionOf(table) === version,
      release: () => this.#release(query),
    };
  }

  #versionOf(table: string | undefined): number {
    return this.#version + (table === undefined ? 0 : (this.#tables.get(table)?.version ?? 0));
  }

  /** `tableUntil`: what a table has that a batch has been added to, while others wait for it. */
  #uncounted(tableUntil: number): Uncounted | null {
    const isAhead = tableUntil > this.#countedUntil;
    const stored = isAhead ? behind(this.#stored, tableUntil) : this.#stored;
    if (stored.length === 0) return null;
    const countedUntil = isAhead ? tableUntil : this.#countedUntil;
    return {
      countedUntil,
      seconds: span(stored.map(({ seconds }) => seconds)),
      hasLate: stored.some(({ arrivals }) => arrivals === null || arrivals.first <= countedUntil),
    };
  }

  async settled(table: string): Promise<void> {
    for (;;) {
      const filling = this.#counting ?? this.#tables.get(table)?.filling ?? null;
      if (filling === null) return;
      await filling;
    }
  }

  /**
   * Resolves when every query that has a view by now has been answered; with `tables` those that read one of them.
   */
  released(tables?: readonly string[]): Promise<void> {
    const queries = new Set<symbol>();
    for (const [query, table] of this.#open) {
      if (tables === undefined || (table !== undefined && tables.includes(table))) queries.add(query);
    }
    if (queries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ queries, resolve }));
  }

  #release(query: symbol): void {
    if (!this.#open.delete(query)) return;
    for (const { queries, resolve } of this.#waiting) if (queries.delete(query) && queries.size === 0) resolve();
    this.#waiting = this.#waiting.filter(({ queries }) => queries.size > 0);
  }

  /** From now on the spans of these arrivals are read from the fresh tables. */
  setFresh(ranges: readonly ArrivalRange[]): void {
    this.#fresh = ranges;
  }

  stored(batch: Batch): void {
    this.#stored = [...this.#stored, batch];
  }

  /**
   * Runs what adds the spans that arrived up to `until` to these derived tables, which a query may read together;
   * queries to them wait or are repeated, and find these spans in them from then on. Call `counted` when all tables
   * have them.
   */
  async fill(tables: readonly string[], until: number, work: () => Promise<void>): Promise<void> {
    const states = tables.map((table) => this.#stateOf(table));
    const done = work();
    const filling = done.catch(() => {});
    for (const state of states) {
      state.version += 1;
      state.filling = filling;
    }
    try {
      await done;
      for (const state of states) state.countedUntil = until;
    } finally {
      for (const state of states) {
        state.version += 1;
        state.filling = null;
      }
    }
  }

  #stateOf(table: string): TableState {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const state: TableState = { countedUntil: 0, version: 0, filling: null };
    this.#tables.set(table, state);
    return state;
  }

  /** All derived tables have the spans that arrived up to `until`. */
  counted(until: number): void {
    this.#countedUntil = until;
    this.#stored = behind(this.#stored, until);
  }

  /**
   * Runs what rebuilds derived tables, of spans that arrived up to `until`; queries to any of them wait or are
   * repeated.
   */
  async count(until: number, work: () => Promise<void>): Promise<void> {
    this.#version += 1;
    const done = work();
    this.#counting = done.catch(() => {});
    try {
      await done;
      this.counted(until);
    } finally {
      this.#version += 1;
      this.#counting = null;
    }
  }

  /** What is stored and not counted, as far as it was told. */
  get storedBatches(): readonly Batch[] {
    return this.#stored;
  }

  /**
   * At the start, and when another collector has had the store: what the derived tables hold already, and all that is
   * stored and not in them.
   */
  startAt(countedUntil: number, stored: readonly Batch[] = []): void {
    this.#version += 1;
    this.#countedUntil = countedUntil;
    this.#stored = stored;
  }
}

/** What was stored without arrivals is counted with the next batch. */
function behind(stored: readonly Batch[], until: number): readonly Batch[] {
  return stored.filter(({ arrivals }) => (arrivals?.last ?? 0) > until);
}

function span(seconds: readonly Seconds[]): Seconds {
  return {
    first: Math.min(...seconds.map(({ first }) => first)),
    last: Math.max(...seconds.map(({ last }) => last)),
  };
}
