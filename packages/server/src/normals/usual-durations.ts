import type { StoryPlace, UsualDuration } from '@throughline/trace';
import type { QueryContext } from '../query/rows.ts';
import { findNormal } from './find-normal.ts';

/** How long spans at these places usually take, by the index of their span. Rejects as queries do. */
export async function usualDurations(
  context: QueryContext,
  places: readonly StoryPlace[],
): Promise<ReadonlyMap<number, UsualDuration>> {
  const found = await Promise.all(
    places.map(async ({ spanIndex, service, operation, kind, path, startTimeUnixNano }) => {
      const atUnixNano = BigInt(startTimeUnixNano);
      const normal = await findNormal(context, { service, operation, kind, path, atUnixNano });
      if (normal === null) return [];
      const { p50Ns, p90Ns } = normal.duration;
      return [[spanIndex, { count: normal.count, p50Ns, p90Ns }] as const];
    }),
  );
  return new Map(found.flat());
}
