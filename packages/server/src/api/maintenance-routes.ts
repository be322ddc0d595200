import { json } from './answer.ts';
import { anyText } from './parameters.ts';
import { Problem } from './problem.ts';
import { route, type Route } from './route.ts';
import { anyObject, object, text } from './schema.ts';

export interface Maintenance {
  /** Begins a check of this name, which repairs what is damaged or changes nothing, or tells how it goes on. */
  check(name: string, repairs: boolean): { readonly state: 'running' | 'done' | 'failed' | 'busy' | 'impossible' };
  /** Takes a snapshot in the place of an earlier one; the path is the same each time. Null where that is not possible. */
  snapshot(): Promise<{ readonly path: string } | null>;
}

const progressSchema = anyObject<{ readonly state: string }>(
  ['state'],
  'state: running, done (with report) or failed (with reason)',
);

/** For `throughline check` and `throughline backup`, which work through a collector that runs. */
export function maintenanceRoutes(maintenance: Maintenance): Route[] {
  return [
    checkRoute(maintenance, 'GET'),
    checkRoute(maintenance, 'PUT'),
    route({
      method: 'PUT',
      path: '/api/v1/snapshot',
      summary:
        'Takes a snapshot of everything acknowledged, below the data directory and in the place of an earlier one',
      answers: {
        description: 'A data directory, on the disk of the collector',
        schema: object<{ readonly path: string }>({ path: text() }).json,
      },
      problems: { 409: 'not_possible: the store is not embedded, or is not open' },
      asksStore: false,
      answer: async () => {
        const taken = await maintenance.snapshot();
        if (taken === null) throw notPossible();
        return json(taken);
      },
    }),
  ];
}

/** With PUT it repairs what it finds. */
function checkRoute(maintenance: Maintenance, method: 'GET' | 'PUT'): Route {
  const repairs = method === 'PUT';
  const does = repairs
    ? 'Verifies the store by its checksums, sets damaged parts aside and repairs what can be'
    : 'Verifies the store by its checksums';
  return route({
    method,
    path: '/api/v1/check',
    summary: `${does}: begins it, and tells how it goes on when it is asked again`,
    parameters: { run: anyText('A name for the check, the same each time; it ends when nobody asks for 15 s') },
    answers: { description: 'How it goes on; the report is there when it is done', schema: progressSchema.json },
    problems: { 409: 'check_running: another one runs; not_possible: the store is not embedded, or not open' },
    asksStore: false,
    answer: ({ query: { run } }) => {
      const progress = maintenance.check(run ?? 'api', repairs);
      if (progress.state === 'busy') throw new Problem(409, 'check_running', 'another check runs');
      if (progress.state === 'impossible') throw notPossible();
      return json(progress);
    },
  });
}

function notPossible(): Problem {
  return new Problem(409, 'not_possible', 'the store of this collector is not embedded, or is not open yet');
}
