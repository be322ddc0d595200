import type { SystemResponse } from '@throughline/trace';
import { json } from './answer.ts';
import { route, type Route } from './route.ts';

/** `GET /api/v1/system`, which answers while the store is away as well. */
export function systemRoute(system: (signal: AbortSignal) => Promise<SystemResponse>): Route {
  return route({
    path: '/api/v1/system',
    summary: 'How the collector is: its store, what it takes in, how long that is kept, and what is wrong',
    answers: {
      description:
        '{version, uptimeSeconds, store: {kind, state, engineVersion, spanCount, diskBytes, firstDay, lastDay}, ' +
        'ingest: {spansPerSecond, acceptedSpans, refusedSpans, spoolBytes, spoolAgeSeconds}, ' +
        'retention: {maxAgeDays, maxDiskShare}, limitsReached: [{limit, times}], problems: […]}; ' +
        'what only the store knows is null while it does not answer',
    },
    asksStore: false,
    answer: async ({ signal }) => json(await system(signal)),
  });
}
