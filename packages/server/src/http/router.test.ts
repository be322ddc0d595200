import { expect, test } from 'vitest';
import { matchMethod, methodNotAllowed, Router } from './router.ts';

const router = new Router([
  { method: 'GET', path: '/things' },
  { method: 'PUT', path: '/things' },
  { method: 'POST', path: '/spans', aliases: ['/api/spans'] },
  { method: 'GET', path: '/things/{name}/parts/{part}' },
  { method: 'DELETE', path: '/things/{name}/parts/{part}' },
]);
const found = (path: string) => router.at(path).map(({ route, path: parameters }) => [route.method, parameters]);

test('a path has a route for each of its methods, with its parameters as they came', () => {
  expect(found('/things')).toEqual([
    ['GET', {}],
    ['PUT', {}],
  ]);
  expect(found('/api/spans')).toEqual([['POST', {}]]);
  const parameters = { name: 'a%2Fb', part: '7' };
  expect(found('/things/a%2Fb/parts/7')).toEqual([
    ['GET', parameters],
    ['DELETE', parameters],
  ]);
  for (const path of ['', '/', '/things/', '/things//parts/7', '/things/a/parts', '/THINGS', '/constructor']) {
    expect(found(path)).toEqual([]);
  }
});

test('GET answers HEAD, and what is allowed says so', () => {
  const matches = router.at('/things');
  expect(matchMethod(matches, 'HEAD')?.route.method).toBe('GET');
  expect(matchMethod(matches, 'PUT')?.route.method).toBe('PUT');
  expect(matchMethod(matches, 'POST')).toBeUndefined();
  const routes = matches.map(({ route }) => route);
  expect(methodNotAllowed('POST', routes)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, PUT' } });
  expect(matchMethod(router.at('/spans'), 'HEAD')).toBeUndefined();
});
