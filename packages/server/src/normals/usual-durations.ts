import type { StoryPlace, UsualDuration } from '@throughline/trace';
import type { QueryContext } from '../query/rows.ts';
import { findNormal, isEnough } from './find-normal.ts';

/**
 * How long spans at these places of a trace usually take, by the index of their span; those without enough others are
 * left out. Rejects as queries do.
 */
export async function usualDurations(
  context: QueryContext,
  places: readonly StoryPlace[],
): Promise<ReadonlyMap<number, UsualDuration>> {
  const starts = places.map(({ startTimeUnixNano }) => BigInt(startTimeUnixNano));
  // A trace counts in the minute in which it begins: later spans of it must not be held against themselves.
  const atUnixNano = starts.reduce((least, start) => (start < least ? start : least), starts[0] ?? 0n);
  const found = await Promise.all(
    places.map(async ({ spanIndex, service, operation, kind, path }) => {
      const normal = await findNormal(context, { service, operation, kind, path, atUnixNano });
      if (normal === null || !isEnough(normal)) return [];
      const { p50Ns, p90Ns } = normal.duration;
      return [[spanIndex, { count: normal.count, p50Ns, p90Ns }] as const];
    }),
  );
  return new Map(found.flat());
}
