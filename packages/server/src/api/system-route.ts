import type { SystemResponse } from '@throughline/trace/client';
import { json } from './answer.ts';
import { route, type Route } from './route.ts';
import { systemSchema } from './schemas.ts';

/** `GET /api/v1/system`, which answers while the store is away as well. */
export function systemRoute(system: (signal: AbortSignal) => Promise<SystemResponse>): Route {
  return route({
    path: '/api/v1/system',
    summary: 'How the collector is: its store, what it takes in, how long that is kept, and what is wrong',
    answers: {
      description:
        'The store, what comes in, and what is wrong; what only the store knows is null while it does not answer',
      schema: systemSchema,
    },
    usesStore: false,
    answer: async ({ signal }) => json(await system(signal)),
  });
}
