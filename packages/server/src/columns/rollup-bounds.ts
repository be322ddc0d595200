import { ROLLUP_LIMITS, type RollupLimits } from '../storage/rollups/rollup-limits.ts';
import { DAY_MS } from '../storage/utc-day.ts';
import type { LowCardinalityColumn } from './low-cardinality-column.ts';

export type { RollupLimits };

/** What a span counts as: as itself, as another operation of its service, or as a span of another service. */
export const CountsAs = { itself: 0, otherOperation: 1, otherService: 2 } as const;

export type CountsAs = (typeof CountsAs)[keyof typeof CountsAs];

/**
 * Decides which services and operations the rollups distinguish: the first ones of each UTC day. Names that a sender
 * makes up for every request would otherwise make rollups as large as what they sum up.
 */
export class RollupBounds {
  readonly limits: RollupLimits;
  readonly #now: () => number;
  readonly #operations = new Map<string, Set<string>>();
  #operationCount = 0;
  #otherSpans = 0;
  #day = 0;

  /** `now`: milliseconds since the epoch. */
  constructor(limits: Partial<RollupLimits> = {}, now: () => number = Date.now) {
    this.limits = { ...ROLLUP_LIMITS, ...limits };
    this.#now = now;
  }

  /** Spans that were counted as others since the start. */
  get otherSpans(): number {
    return this.#otherSpans;
  }

  noteOther(): void {
    this.#otherSpans += 1;
  }

  /** Call it before the spans of a block are looked up. */
  beginBlock(): void {
    const day = Math.floor(this.#now() / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#operations.clear();
    this.#operationCount = 0;
  }

  countsAs(service: string, operation: string): CountsAs {
    const { servicesMax, operationsPerServiceMax, operationsMax } = this.limits;
    let operations = this.#operations.get(service);
    if (operations === undefined) {
      if (this.#operations.size >= servicesMax) return CountsAs.otherService;
      operations = new Set();
      this.#operations.set(service, operations);
    }
    if (operations.has(operation)) return CountsAs.itself;
    if (operations.size >= operationsPerServiceMax || this.#operationCount >= operationsMax) {
      return CountsAs.otherOperation;
    }
    operations.add(operation);
    this.#operationCount += 1;
    return CountsAs.itself;
  }
}

/** Asks once for each pair of a service and an operation in a block, by their numbers in its dictionaries. */
export function blockCounts(
  bounds: RollupBounds,
  services: LowCardinalityColumn,
  names: LowCardinalityColumn,
): (service: number, name: number) => CountsAs {
  bounds.beginBlock();
  const known = new Map<number, CountsAs>();
  const nameCount = names.entryCount;
  return (service, name) => {
    const pair = service * nameCount + name;
    let counts = known.get(pair);
    if (counts === undefined) {
      counts = bounds.countsAs(latin1(services.entry(service)), latin1(names.entry(name)));
      known.set(pair, counts);
    }
    return counts;
  };
}

/** One character a byte: different bytes are different text, and no byte is replaced. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
