import type { Trace } from '../tree/trace.ts';
import { type TraceProfile, TraceProfiles } from './trace-profiles.ts';

/**
 * The place of the trace that is the most like what is usual among these: whose duration, and whose calls and time on
 * each path, are the nearest to the medians of all. A trace that has happened, so that its spans can be looked at. Of
 * equals the one with the lowest id; -1 of none.
 *
 * @param weights how many requests each trace represents: of traces that a sampler has chosen the medians are else
 * those of what it prefers, such as failures. One that is missing, not finite or not above 0 counts as 1.
 *
 * @example
 * const usual = traces[typicalTrace(traces)];
 * if (usual) console.log(compareTraces(usual, trace).paths.filter(({ differences }) => differences.length > 0));
 */
export function typicalTrace(traces: readonly Trace[], weights: readonly number[] = []): number {
  const profiles = new TraceProfiles();
  const all = traces.map((trace) => profiles.of(trace));
  const usual = mediansOf(
    all,
    all.map((_, at) => weightOf(weights[at])),
  );
  const distances = all.map((profile) => distanceFrom(usual, profile));
  return [...traces.keys()].reduce((best, at) => {
    if (best < 0) return at;
    const difference = distances[at]! - distances[best]!;
    return difference < 0 || (difference === 0 && traces[at]!.traceId < traces[best]!.traceId) ? at : best;
  }, -1);
}

/** By path; a trace that does not call it counts with 0. */
interface Medians {
  readonly durationNs: number;
  readonly paths: ReadonlyMap<
    number,
    { readonly calls: number; readonly failedCalls: number; readonly criticalNs: number }
  >;
}

function weightOf(given: number | undefined): number {
  return given !== undefined && given > 0 && given < Infinity ? given : 1;
}

function mediansOf(profiles: readonly TraceProfile[], weights: readonly number[]): Medians {
  const paths = new Set(profiles.flatMap((profile) => [...profile.paths.keys()]));
  const of = (path: number, member: 'calls' | 'failedCalls' | 'criticalNs'): number =>
    median(
      profiles.map((profile) => profile.paths.get(path)?.[member] ?? 0),
      weights,
    );
  return {
    durationNs: median(
      profiles.map(({ durationNs }) => durationNs),
      weights,
    ),
    paths: new Map(
      Array.from(paths, (path) => [
        path,
        { calls: of(path, 'calls'), failedCalls: of(path, 'failedCalls'), criticalNs: of(path, 'criticalNs') },
      ]),
    ),
  };
}

/** How much longer or shorter, what share of the time is elsewhere, and what share of the paths is called otherwise. */
function distanceFrom({ durationNs, paths }: Medians, profile: TraceProfile): number {
  const longer = Math.abs(Math.log((profile.durationNs + 1) / (durationNs + 1)));
  let [elsewhereNs, otherwise] = [0, 0];
  for (const [path, usual] of paths) {
    const use = profile.paths.get(path);
    elsewhereNs += Math.abs((use?.criticalNs ?? 0) - usual.criticalNs);
    if ((use?.calls ?? 0) !== usual.calls) otherwise++;
    if ((use?.failedCalls ?? 0) !== usual.failedCalls) otherwise++;
  }
  return longer + elsewhereNs / (durationNs + 1) + otherwise / Math.max(1, paths.size);
}

/** The lower one of two in the middle: a number of calls that there is. */
function median(values: readonly number[], weights: readonly number[]): number {
  const order = [...values.keys()].toSorted((a, b) => values[a]! - values[b]!);
  const half = weights.reduce((sum, weight) => sum + weight, 0) / 2;
  let below = 0;
  return values[order.find((at) => (below += weights[at]!) >= half) ?? -1] ?? 0;
}
