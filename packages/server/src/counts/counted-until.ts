import type { RollupName } from '../storage/rollups/rollup-names.ts';

/** A process, as far as its reports show. */
export interface HeardProcess {
  readonly service: string;
  /** What it counted before is noted; milliseconds since the epoch. */
  readonly toldMs: number;
  /** Of its last message, noted or not. */
  readonly heardMs: number;
  /** The time between its messages. */
  readonly windowMs: number;
}

export interface CountedUntilOptions {
  /** Milliseconds since the epoch, as all moments here. */
  readonly nowMs: number;
  /** What was reported before it is in the store. */
  readonly storedMs: number;
  /** Since when this collector listens: before, nobody could report anything. */
  readonly listeningMs: number;
  /** What ended so long before `storedMs` has been reported by processes that report in the usual time. */
  readonly settleMs: number;
}

/**
 * A process that has been silent for this, and for so many of its windows, has ended: what it had not reported never
 * comes.
 */
const ENDED_MS = 60_000;
/**
 * More than the 2.4 windows of silence that one lost message makes, since times between messages vary by a fifth
 * (`JITTER` of the SDK). See docs/decisions/0010-exact-counts-by-differences.md.
 */
const ENDED_WINDOWS = 3;
/** From a message to the one before there are up to so many windows: times between messages vary by a fifth. */
const WINDOWS_BETWEEN = 2;

/**
 * Until when the request metrics of a service are whole, in milliseconds since the epoch: what ended before has been
 * reported by its processes, and is stored. Processes that report seldom hold it back, and those that are silent
 * without having ended.
 */
export function countedUntil(
  processes: Iterable<HeardProcess>,
  { nowMs, storedMs, listeningMs, settleMs }: CountedUntilOptions,
): (service: RollupName) => number {
  const settledMs = storedMs - settleMs;
  const heldBack = new Map<string, number>();
  let first = settledMs;
  for (const { service, toldMs, heardMs, windowMs } of processes) {
    const silentMs = nowMs - Math.max(heardMs, listeningMs);
    if (silentMs > Math.max(ENDED_MS, ENDED_WINDOWS * windowMs)) continue;
    const untilMs = Math.min(toldMs, storedMs - WINDOWS_BETWEEN * windowMs);
    if (untilMs >= (heldBack.get(service) ?? settledMs)) continue;
    heldBack.set(service, untilMs);
    first = Math.min(first, untilMs);
  }
  return (service) => (service === null ? first : (heldBack.get(service) ?? settledMs));
}
