import { Type } from '@sinclair/typebox';
import type { CheckProgress } from '@throughline/trace/client';
import { json } from '../http/response.ts';
import { anyText } from '../http/parameters.ts';
import { Problem } from '../http/problem.ts';
import { route, type Route } from '../http/route.ts';
import { closed } from '../schema/json-schema.ts';
import { checkProgressSchema } from './check-schemas.ts';

export interface Maintenance {
  /** Begins a check of this name, which repairs what is damaged or changes nothing, or returns its progress. */
  check(name: string, repairs: boolean): CheckProgress | { readonly state: 'busy' } | { readonly state: 'impossible' };
  /** Takes a snapshot, unless another one is in use; null where that is not possible. */
  snapshot(
    signal: AbortSignal,
  ): Promise<SnapshotResponse | { readonly kind: 'in_use'; readonly sinceMs: number } | null>;
  /** False where it is gone. */
  keepSnapshot(token: string): boolean;
  releaseSnapshot(token: string): Promise<boolean>;
}

interface SnapshotResponse {
  readonly kind: 'taken';
  readonly path: string;
  readonly token: string;
  readonly idleMs: number;
}

const emptySchema = Type.Object({}, { description: 'Nothing' });
const snapshotSchema = closed({ path: Type.String(), token: Type.String(), idleMs: Type.Number() });
const TOKEN = { token: 'What the response to PUT /api/v1/snapshot names' };
const GONE = { 404: 'snapshot_gone: it was removed; not_found: the path names none' };

/** For `throughline check` and `throughline backup`, which work through a collector that runs. */
export function maintenanceRoutes(maintenance: Maintenance): Route[] {
  return [
    checkRoute(maintenance, 'GET'),
    checkRoute(maintenance, 'PUT'),
    route({
      method: 'PUT',
      path: '/api/v1/snapshot',
      operationId: 'takeSnapshot',
      summary: 'Takes a snapshot of everything acknowledged, below the data directory; one at a time',
      answers: {
        description:
          'The path of the snapshot, a data directory on the collector’s disk, its token, and after how many milliseconds without a request it is removed',
        schema: snapshotSchema,
      },
      problems: { 409: 'snapshot_in_use: of another backup; not_possible: the store is not embedded, or is not open' },
      usesStore: false,
      answer: async ({ signal }) => {
        const taken = await maintenance.snapshot(signal);
        if (taken === null) throw notPossible();
        if (taken.kind === 'in_use') throw inUse(taken.sinceMs);
        const { path, token, idleMs } = taken;
        return json({ path, token, idleMs });
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/snapshot/{token}',
      operationId: 'extendSnapshot',
      summary: 'Extends the life of a snapshot',
      pathParameters: TOKEN,
      answers: { description: 'An empty object', schema: emptySchema },
      problems: GONE,
      usesStore: false,
      answer: ({ path: { token = '' } }) => {
        if (!maintenance.keepSnapshot(token)) throw gone();
        return json({});
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/snapshot/{token}',
      operationId: 'removeSnapshot',
      summary: 'Removes a snapshot',
      pathParameters: TOKEN,
      answers: { description: 'An empty object', schema: emptySchema },
      problems: GONE,
      usesStore: false,
      answer: async ({ path: { token = '' } }) => {
        if (!(await maintenance.releaseSnapshot(token))) throw gone();
        return json({});
      },
    }),
  ];
}

/** With PUT it repairs what it finds. */
function checkRoute(maintenance: Maintenance, method: 'GET' | 'PUT'): Route {
  const repairs = method === 'PUT';
  const does = repairs
    ? 'Verifies the store by its checksums, detaches damaged parts and repairs what can be'
    : 'Verifies the store by its checksums';
  return route({
    method,
    path: '/api/v1/check',
    operationId: repairs ? 'repairStore' : 'checkStore',
    summary: `${does}: starts a check, or returns the progress of the running one`,
    parameters: {
      run: anyText('A name for the check, the same each time; the check is cancelled if it is not queried for 15 s'),
    },
    answers: { description: 'The progress, with the report when it is done', schema: checkProgressSchema },
    problems: { 409: 'check_running: another one runs; not_possible: the store is not embedded, or not open' },
    usesStore: false,
    answer: ({ query: { run } }) => {
      const progress = maintenance.check(run ?? 'api', repairs);
      if (progress.state === 'busy') throw new Problem(409, 'check_running', 'another check is running');
      if (progress.state === 'impossible') throw notPossible();
      return json(progress satisfies CheckProgress);
    },
  });
}

function notPossible(): Problem {
  return new Problem(409, 'not_possible', 'the store of this collector is not embedded, or is not open yet');
}

function inUse(sinceMs: number): Problem {
  const since = new Date(sinceMs).toISOString();
  return new Problem(
    409,
    'snapshot_in_use',
    `another backup or migration has a snapshot since ${since}; try again when it has ended`,
  );
}

function gone(): Problem {
  return new Problem(404, 'snapshot_gone', 'the snapshot was removed');
}
