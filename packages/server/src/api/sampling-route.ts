import { json } from './answer.ts';
import { anyText } from './parameters.ts';
import { route, type Route } from './route.ts';

/** `GET /api/v1/sampling`: `operations` answers what is sampled and why, of one service or of all. */
export function samplingRoute(operations: (service?: string) => readonly object[]): Route {
  return route({
    path: '/api/v1/sampling',
    summary: 'What applications that ask this collector are told to keep of each operation, and why',
    parameters: { service: anyText('Only of this service') },
    answers: {
      description:
        '{operations: [{service, name, kind, probability, reason, tracesPerSecond, decidedPerSecond, errorsPerSecond}]}; ' +
        'reason is default, fixed, target or errors',
    },
    asksStore: false,
    answer: ({ query: { service } }) => json({ operations: operations(service ?? undefined) }),
  });
}
