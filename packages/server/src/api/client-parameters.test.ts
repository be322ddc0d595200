import {
  ApiClient,
  type AttributesQuery,
  type ChangesQuery,
  type ErrorsQuery,
  type SeriesQuery,
  type SimilarTracesQuery,
  type TracesQuery,
} from '@throughline/trace/client';
import { Registry } from 'prom-client';
import { afterEach, expect, it, vi } from 'vitest';
import { apiRoutes } from './api-routes.ts';
import { compareRoutes } from './compare-routes.ts';
import { errorRoutes } from './error-routes.ts';
import { insightRoutes } from './insight-routes.ts';

afterEach(() => void vi.unstubAllGlobals());

/** Every member that a query may have: the compiler misses one that is not here. */
const RANGE = { from: '1', to: '2' };
const TRACES: Required<TracesQuery> = {
  ...RANGE,
  service: 's',
  operation: 'o',
  status: 'error',
  minDurationMs: 1,
  maxDurationMs: 2,
  tags: ['a=b'],
  limit: 3,
  cursor: 'c',
};
const SERIES: Required<SeriesQuery> = { ...RANGE, service: 's', operation: 'o', groupBy: 'service', step: 1, limit: 1 };
const CHANGES: Required<ChangesQuery> = { ...RANGE, baselineFrom: '0', baselineTo: '1', service: 's', limit: 1 };
const ERRORS: Required<ErrorsQuery> = { ...RANGE, service: 's', limit: 1, cursor: 'c' };
const SIMILAR: Required<SimilarTracesQuery> = { ...RANGE, limit: 1 };
const ATTRIBUTES: Required<AttributesQuery> = { ...RANGE, prefix: 'p', limit: 1 };

it('sends every parameter that a route has, and none that it has not', async () => {
  const sent: URL[] = [];
  vi.stubGlobal('fetch', (url: string) => {
    sent.push(new URL(url));
    return Promise.resolve(Response.json({}));
  });
  const client = new ApiClient('http://127.0.0.1');
  await client.services(RANGE);
  await client.operations('s', RANGE);
  await client.traces(TRACES);
  await client.series(SERIES);
  await client.attributes(ATTRIBUTES);
  await client.attributeValues('k', ATTRIBUTES);
  await client.headlines(['a']);
  await client.errors(ERRORS);
  await client.changes(CHANGES);
  await client.compare('{traceId}', 'typical');
  await client.similar('{traceId}', SIMILAR);
  const registry = new Registry();
  const routes = [
    ...apiRoutes({ registry } as never),
    ...compareRoutes({ registry } as never),
    ...errorRoutes({} as never),
    ...insightRoutes({ bytesMax: 1 } as never),
  ];
  const known = (path: string): string[] =>
    Object.entries(routes.find((route) => route.path === decodeURIComponent(path))?.parameters ?? {})
      // The client reads JSON.
      .filter(([, { description }]) => !/in Markdown/.test(description))
      .map(([name]) => name)
      .toSorted();
  expect(sent.map(({ pathname, searchParams }) => [pathname, [...new Set(searchParams.keys())].toSorted()])).toEqual(
    sent.map(({ pathname }) => [pathname, known(pathname)]),
  );
  expect(new Set(sent.map(({ pathname }) => pathname)).size).toBe(11);
});
