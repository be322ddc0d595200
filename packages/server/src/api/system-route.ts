import type { SystemResponse } from '@throughline/trace/client';
import { json } from '../http/response.ts';
import { route, type Route } from '../http/route.ts';
import { PARTIAL_HEADERS, type StoreAnswers } from './store-answers.ts';
import { systemSchema } from './system-schemas.ts';

/** `GET /api/v1/system`, which answers while the store is unavailable as well. */
export function systemRoute(system: (signal: AbortSignal) => Promise<SystemResponse>, answers: StoreAnswers): Route {
  return route({
    path: '/api/v1/system',
    operationId: 'getSystem',
    summary: 'State of the collector: store, ingest, retention, limits reached, problems',
    answers: {
      description: 'The state; values that only the store knows are null while it is unavailable',
      schema: systemSchema,
      headers: PARTIAL_HEADERS,
    },
    usesStore: false,
    answer: async ({ signal }) => {
      const body = await system(signal);
      return { ...json(body), headers: answers.noted(body.store.partial) };
    },
  });
}
