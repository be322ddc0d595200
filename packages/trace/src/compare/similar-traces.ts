import type { Trace } from '../tree/trace.ts';
import { type PathUse, type TraceProfile, TraceProfiles } from './trace-profiles.ts';

/** How like one trace is to another. */
export interface SimilarTrace {
  readonly traceId: string;
  /** Start of its root, after the correction of clocks. */
  readonly startTimeUnixNano: string;
  /** Of its root. */
  readonly durationNs: string;
  readonly spanCount: number;
  /** From 0 to 1: the mean of the two below. */
  readonly likeness: number;
  /** From 0 to 1: the share of all paths that both call, and fail in alike. */
  readonly pathLikeness: number;
  /** From 0 to 1: the share of the time that both spent on the same paths, whatever their durations. */
  readonly timeLikeness: number;
  /** Why, in a clause. */
  readonly text: string;
}

/**
 * Orders traces by how like they are to one of them: first those that call the same paths, fail in the same ones and
 * spend their time in the same places, whatever their ids, times and durations are; of equals the nearest in duration.
 * The measure is symmetric, and 1 for a trace and its like.
 *
 * @example
 * for (const { traceId, likeness, text } of similarTraces(trace, traces)) console.log(traceId, likeness, text);
 */
export function similarTraces(trace: Trace, others: readonly Trace[], max: number = others.length): SimilarTrace[] {
  const profiles = new TraceProfiles();
  const own = profiles.of(trace);
  return others
    .map((other) => {
      const profile = profiles.of(other);
      const stretch = Math.abs(Math.log((profile.durationNs + 1) / (own.durationNs + 1)));
      return { stretch, similar: describe(profiles, own, other, profile) };
    })
    .toSorted(
      (a, b) =>
        b.similar.likeness - a.similar.likeness ||
        a.stretch - b.stretch ||
        (a.similar.traceId < b.similar.traceId ? -1 : 1),
    )
    .slice(0, max)
    .map(({ similar }) => similar);
}

function describe(profiles: TraceProfiles, own: TraceProfile, other: Trace, profile: TraceProfile): SimilarTrace {
  const { pathLikeness, ...shared } = comparePaths(own, profile);
  const timeLikeness = compareTimes(own, profile);
  const startNs = other.startNs[other.rootIndex] ?? 0;
  return {
    traceId: other.traceId,
    startTimeUnixNano: String(other.traceStartUnixNano + BigInt(Math.round(startNs))),
    durationNs: String(BigInt(Math.round(profile.durationNs))),
    spanCount: other.spanCount,
    likeness: (pathLikeness + timeLikeness) / 2,
    pathLikeness,
    timeLikeness,
    text: sayWhy(profiles, own, profile, shared, timeLikeness),
  };
}

interface SharedPaths {
  /** How many both call. */
  readonly both: number;
  /** How many one of them calls at least. */
  readonly all: number;
  /** The path that takes the most time of those that only the first calls; -1 where there is none. */
  readonly onlyOwn: number;
  /** The same of the other one. */
  readonly onlyOther: number;
  /** The last path in which one of them fails and the other does not; -1 where there is none. */
  readonly onlyFailsIn: number;
}

/** That a path fails is something of its own that both have, or not. */
function comparePaths(own: TraceProfile, other: TraceProfile): SharedPaths & { readonly pathLikeness: number } {
  let [both, all, common, total] = [0, 0, 0, 0];
  let [onlyOwn, onlyOther, onlyFailsIn] = [-1, -1, -1];
  for (const path of new Set([...own.paths.keys(), ...other.paths.keys()])) {
    const [one, two] = [own.paths.get(path), other.paths.get(path)];
    all++;
    total++;
    if (one !== undefined && two !== undefined) {
      both++;
      common++;
    } else if (one === undefined) onlyOther = longer(other.paths, onlyOther, path);
    else onlyOwn = longer(own.paths, onlyOwn, path);
    const [failsIn, otherFailsIn] = [fails(one), fails(two)];
    if (failsIn || otherFailsIn) total++;
    if (failsIn && otherFailsIn) common++;
    else if (failsIn !== otherFailsIn && one !== undefined && two !== undefined) onlyFailsIn = path;
  }
  return { both, all, onlyOwn, onlyOther, onlyFailsIn, pathLikeness: total === 0 ? 1 : common / total };
}

/** Of two paths the one that takes more time; the first may be -1. */
function longer(paths: TraceProfile['paths'], best: number, path: number): number {
  return best < 0 || paths.get(path)!.criticalNs > paths.get(best)!.criticalNs ? path : best;
}

function fails(use: PathUse | undefined): boolean {
  return use !== undefined && use.failedCalls > 0;
}

function compareTimes(own: TraceProfile, other: TraceProfile): number {
  // Nothing that takes no time takes it anywhere.
  if (own.durationNs <= 0 || other.durationNs <= 0) return own.durationNs <= 0 && other.durationNs <= 0 ? 1 : 0;
  let common = 0;
  for (const [path, { criticalNs }] of own.paths) {
    const theirs = other.paths.get(path)?.criticalNs ?? 0;
    common += Math.min(criticalNs / own.durationNs, theirs / other.durationNs);
  }
  return Math.min(1, common);
}

function sayWhy(
  profiles: TraceProfiles,
  own: TraceProfile,
  other: TraceProfile,
  { both, all, onlyOwn, onlyOther, onlyFailsIn }: SharedPaths,
  timeLikeness: number,
): string {
  const paths = both === all ? `the same ${all === 1 ? 'path' : `${all} paths`}` : `${both} of ${all} paths in both`;
  const failsIn = fails(own.paths.get(onlyFailsIn)) ? 'it does not fail in' : 'it alone fails in';
  return [
    paths,
    `${Math.round(timeLikeness * 100)}% of the time in the same places`,
    ...(onlyOther < 0 ? [] : [`it alone calls ${profiles.nameOf(onlyOther)}`]),
    ...(onlyOwn < 0 ? [] : [`it does not call ${profiles.nameOf(onlyOwn)}`]),
    ...(onlyFailsIn < 0 ? [] : [`${failsIn} ${profiles.nameOf(onlyFailsIn)}`]),
    ...ratioOf(own.durationNs, other.durationNs),
  ].join('; ');
}

const RATIO_MIN = 1.5;

function ratioOf(ownNs: number, otherNs: number): string[] {
  if (ownNs <= 0 || otherNs <= 0) return [];
  if (otherNs >= RATIO_MIN * ownNs) return [`it takes ${shortNumber(otherNs / ownNs)} times as long`];
  if (ownNs >= RATIO_MIN * otherNs) return [`it takes 1/${shortNumber(ownNs / otherNs)} of the time`];
  return [];
}

function shortNumber(value: number): string {
  return value < 10 ? String(Number(value.toPrecision(2))) : String(Math.round(value));
}
