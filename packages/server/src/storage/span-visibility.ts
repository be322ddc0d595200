/**
 * Where the spans are that have come: in a table of fresh ones, stored, and counted in the derived tables. A question takes a view when it
 * begins, so that it finds every span once while they move from one to the next.
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
  /** What is stored and not in the derived tables yet; null where there is nothing. */
  readonly uncounted: Uncounted | null;
  /** Changes as soon as the derived tables do. */
  readonly version: number;
  release(): void;
}

export interface Uncounted {
  /** Spans that arrived later are not in the derived tables. */
  readonly countedUntil: number;
  readonly seconds: Seconds;
  /** Some that arrived earlier may not be in them either: they were stored late, or nobody knows when they came. */
  readonly hasLate: boolean;
}

const NO_VIEW: SpanView = { fresh: [], uncounted: null, version: 0, release: () => {} };

/** What questions need of it. */
export interface Visibility {
  /** Of the derived tables; see `SpanView`. */
  readonly version: number;
  /** Resolves when a view finds what has been acknowledged, or what can be had of it soon. Never rejects. */
  published(): Promise<void>;
  /** The same of what was acknowledged a moment ago and no view finds yet: resolves to whether there was any. Never rejects. */
  pendingPublished(): Promise<boolean>;
  view(): SpanView;
  /** Resolves when nothing is being added to the derived tables. */
  settled(): Promise<void>;
}

/** Everything is stored and counted. */
export const ALL_COUNTED: Visibility = {
  version: 0,
  published: () => Promise.resolve(),
  pendingPublished: () => Promise.resolve(false),
  view: () => NO_VIEW,
  settled: () => Promise.resolve(),
};

export class SpanVisibility implements Visibility {
  #publish: () => Promise<void> = () => Promise.resolve();
  #publishPending: () => Promise<boolean> = () => Promise.resolve(false);
  #questions = 0;
  #fresh: readonly ArrivalRange[] = [];
  #stored: readonly Batch[] = [];
  #countedUntil = 0;
  #version = 0;
  #counting: Promise<void> | null = null;
  /** Questions that have a view. */
  readonly #open = new Set<symbol>();
  #waiting: { readonly questions: Set<symbol>; readonly resolve: () => void }[] = [];

  /** Spans that are stored and not counted. */
  get uncountedRows(): number {
    return this.#stored.reduce((sum, { rows }) => sum + rows, 0);
  }

  get version(): number {
    return this.#version;
  }

  get countedUntil(): number {
    return this.#countedUntil;
  }

  /** `publish` makes findable what has been acknowledged; it is called before each view that a question takes. Neither must reject. */
  publishBy(publish: () => Promise<void>, publishPending: () => Promise<boolean>): void {
    this.#publish = publish;
    this.#publishPending = publishPending;
  }

  /** How many have been asked. */
  get questions(): number {
    return this.#questions;
  }

  published(): Promise<void> {
    this.#questions += 1;
    return this.#publish();
  }

  pendingPublished(): Promise<boolean> {
    return this.#publishPending();
  }

  view(): SpanView {
    const question = Symbol();
    this.#open.add(question);
    return {
      fresh: this.#fresh,
      uncounted: this.#stored.length === 0 ? null : this.#uncounted(),
      version: this.#version,
      release: () => this.#release(question),
    };
  }

  #uncounted(): Uncounted {
    return {
      countedUntil: this.#countedUntil,
      seconds: span(this.#stored.map(({ seconds }) => seconds)),
      hasLate: this.#stored.some(({ arrivals }) => arrivals === null || arrivals.first <= this.#countedUntil),
    };
  }

  async settled(): Promise<void> {
    while (this.#counting !== null) await this.#counting;
  }

  /** Resolves when every question that has a view by now has been answered. */
  released(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ questions: new Set(this.#open), resolve }));
  }

  #release(question: symbol): void {
    if (!this.#open.delete(question)) return;
    for (const { questions, resolve } of this.#waiting)
      if (questions.delete(question) && questions.size === 0) resolve();
    this.#waiting = this.#waiting.filter(({ questions }) => questions.size > 0);
  }

  /** From now on the spans of these arrivals are read from the fresh tables. */
  setFresh(ranges: readonly ArrivalRange[]): void {
    this.#fresh = ranges;
  }

  stored(batch: Batch): void {
    this.#stored = [...this.#stored, batch];
  }

  /** Runs what adds the spans that arrived up to `until` to the derived tables; questions to these wait or ask again. */
  async count(until: number, work: () => Promise<void>): Promise<void> {
    this.#version += 1;
    const done = work();
    this.#counting = done.catch(() => {});
    try {
      await done;
      this.#countedUntil = until;
      this.#stored = this.#stored.filter(({ arrivals }) => (arrivals?.last ?? 0) > until);
    } finally {
      this.#version += 1;
      this.#counting = null;
    }
  }

  /** At the start: what the derived tables hold already. */
  startAt(countedUntil: number): void {
    this.#countedUntil = countedUntil;
  }
}

function span(seconds: readonly Seconds[]): Seconds {
  return {
    first: Math.min(...seconds.map(({ first }) => first)),
    last: Math.max(...seconds.map(({ last }) => last)),
  };
}
