import { setTimeout as delay } from 'node:timers/promises';
import type { Engine } from '../engine.ts';
import { readProgress } from './rollup-progress.ts';
import { rowsIn } from '../rows-of.ts';
import type { ArrivalRange, SpanView, Uncounted, Visibility } from '../span-visibility.ts';
import { sqlUInt64 } from '../sql.ts';

type Asked = Pick<Engine, 'query' | 'tables'>;

/** What one look at the store has shown. */
interface Look {
  /** Of the batch or the rebuild that was noted last. */
  readonly step: number;
  /** Whether the derived tables were being changed. */
  readonly isChanging: boolean;
  readonly uncounted: Uncounted | null;
  readonly uncountedRows: number;
}

const TIMEOUT_MS = 10_000;
/** So long a query waits for a batch that is being added, which takes a second or two, … */
const SETTLE_MS_MAX = 5_000;
/** … and looks so often. */
const SETTLE_LOOK_MS = 100;

/**
 * Where spans are that several collectors store, of which one fills the derived tables: each query looks at what is
 * noted in the store before, and after. A query of a derived table costs four small statements more, any other two.
 */
export class FleetVisibility implements Visibility {
  readonly #engine: Asked;
  /** The last batch that did not end in time: a shard is away, or whoever added it. Nobody waits for it twice. */
  #stuck = -1;
  #failure: unknown = null;
  #look: Look = { step: 0, isChanging: true, uncounted: null, uncountedRows: 0 };

  constructor(engine: Asked) {
    this.#engine = engine;
  }

  /** As of the last query. */
  get uncountedRows(): number {
    return this.#look.uncountedRows;
  }

  async published(): Promise<void> {
    this.#failure = null;
    try {
      this.#look = await this.#lookAround();
    } catch (error) {
      this.#failure = error;
    }
  }

  pendingPublished(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /** Throws what the last look has met: by an older one, spans would be there twice, or not at all. */
  view(): SpanView {
    if (this.#failure !== null) throw this.#failure;
    const { step, isChanging, uncounted } = this.#look;
    return {
      fresh: [],
      uncounted,
      isCurrent: async () => {
        if (isChanging) return false;
        const now = await readProgress(this.#engine);
        return now.step === step;
      },
      release: () => {},
    };
  }

  async settled(): Promise<void> {
    const end = performance.now() + SETTLE_MS_MAX;
    for (;;) {
      const progress = await readProgress(this.#engine).catch(() => null);
      if (progress === null || progress.pendingUntil === 0 || progress.step === this.#stuck) return;
      if (performance.now() >= end) this.#stuck = progress.step;
      else await delay(SETTLE_LOOK_MS);
    }
  }

  async #lookAround(): Promise<Look> {
    const { countedUntil, pendingUntil, late, step } = await readProgress(this.#engine);
    const notCounted = [
      `arrival > ${sqlUInt64(countedUntil)}`,
      ...mergedRanges(late).map(
        ({ first, last }) => `(arrival >= ${sqlUInt64(first)} AND arrival <= ${sqlUInt64(last)})`,
      ),
    ];
    const sql = `SELECT toUInt32(count()), toUInt32(min(start_s)), toUInt32(max(start_s))
FROM ${this.#engine.tables.spans.read} WHERE ${notCounted.join(' OR ')}`;
    // Without the shards that are away, as the query itself, which says so.
    const answer = await this.#engine.query(sql, {
      format: 'JSONCompactEachRow',
      timeoutMs: TIMEOUT_MS,
      onPartial: () => {},
    });
    const [[rows = 0, first = 0, last = 0] = []] = rowsIn(answer);
    const hasLate = late.length > 0;
    const seconds = { first: Number(first), last: Number(last) };
    return {
      step,
      isChanging: pendingUntil > 0 && step !== this.#stuck,
      uncounted: rows === 0 && !hasLate ? null : { countedUntil, seconds, hasLate },
      uncountedRows: Number(rows),
    };
  }
}

/** So many are asked for by themselves. */
const RANGES_MAX = 50;

/** Of more ranges than that one which holds them all: a few spans are then looked at that are counted. */
function mergedRanges(ranges: readonly ArrivalRange[]): readonly ArrivalRange[] {
  if (ranges.length <= RANGES_MAX) return ranges;
  const first = Math.min(...ranges.map((range) => range.first));
  return [{ first, last: Math.max(...ranges.map((range) => range.last)) }];
}
