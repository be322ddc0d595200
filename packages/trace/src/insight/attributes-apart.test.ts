import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { attributesApart, sayApart } from './attributes-apart.ts';

const requests = (count: number, attributesOf: (at: number) => Record<string, string>): Map<string, string>[] =>
  Array.from({ length: count }, (_, at) => new Map(Object.entries(attributesOf(at))));

const asMaps = (list: readonly Record<string, string>[]): Map<string, string>[] =>
  list.map((one) => new Map(Object.entries(one)));

test('names the value that most selected requests have and few others', () => {
  const selected = requests(40, (at) => ({ tenant: 'acme', region: at % 2 === 0 ? 'eu' : 'us' }));
  const others = requests(160, (at) => ({
    tenant: ['acme', 'b', 'c', 'd', 'e', 'f', 'g', 'h'][at % 8] ?? '',
    region: at % 2 === 0 ? 'eu' : 'us',
  }));
  expect(attributesApart(selected, others)).toEqual([
    { key: 'tenant', value: 'acme', share: 1, otherShare: 0.125, selectedShare: 40 / 60 },
  ]);
});

test('leaves out IDs, of which every request has its own', () => {
  const selected = requests(40, (at) => ({ order: `o${at}` }));
  expect(
    attributesApart(
      selected,
      requests(160, (at) => ({ order: `p${at}` })),
    ),
  ).toEqual([]);
});

test('leaves out how the requests ended', () => {
  const failed = { 'error.type': 'E', 'http.response.status_code': '500', 'exception.type': 'E', status: 'failed' };
  expect(
    attributesApart(
      requests(40, () => failed),
      requests(160, () => ({})),
    ),
  ).toEqual([]);
});

test('finds nothing among a handful of requests, or without others', () => {
  const few = requests(4, () => ({ tenant: 'acme' }));
  const many = requests(100, () => ({ tenant: 'b' }));
  expect(attributesApart(few, many)).toEqual([]);
  expect(attributesApart(many, [])).toEqual([]);
  expect(attributesApart([], many)).toEqual([]);
});

test('knows keys that an object has of itself', () => {
  const selected = requests(20, () => ({ constructor: 'x', ['__proto__']: 'y' }));
  expect(
    attributesApart(
      selected,
      requests(20, () => ({})),
    ).map(({ key }) => key),
  ).toContain('constructor');
});

test('seldom finds anything where chance alone deals the values', () => {
  const value = fc.constantFrom('a', 'b', 'c', 'd');
  const request = fc.record({ k1: value, k2: value, k3: value });
  const drawn = fc.sample(
    fc.tuple(fc.array(request, { minLength: 30, maxLength: 60 }), fc.array(request, { minLength: 60, maxLength: 120 })),
    {
      numRuns: 200,
      seed: 11,
    },
  );
  const found = drawn.filter(([selected, others]) => attributesApart(asMaps(selected), asMaps(others)).length > 0);
  expect(found.length).toBeLessThanOrEqual(4);
});

test('counts a value by what the requests represent', () => {
  const selected = requests(40, () => ({ tenant: 'acme' }));
  const others = requests(40, (at) => ({ tenant: at < 10 ? 'acme' : 'other' }));
  const [apart] = attributesApart(selected, others, { selectedWeight: 1, otherWeight: 100 });
  expect(apart).toMatchObject({ share: 1, otherShare: 0.25, selectedShare: 40 / (40 + 1_000) });
});

test('names as many as are wanted', () => {
  const selected = requests(40, () => Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`key ${at}`, 'yes'])));
  const others = requests(160, () => ({ other: 'yes' }));
  expect(attributesApart(selected, others, { foundMax: 7 })).toHaveLength(7);
});

test('is said as an association, with both shares', () => {
  const found = { key: 'tenant', value: 'acme', share: 0.9, otherShare: 0.013, selectedShare: 0.7 };
  const text = sayApart([found, { ...found, key: 'region' }], 40, 200);
  for (const words of ['tenant = acme', 'associated', '90%', '1.3%', 'region = acme']) expect(text).toContain(words);
  expect(text).not.toMatch(/caus|because/);
  expect(sayApart([], 40, 200)).toContain('No attribute');
  for (const [selected, others] of [
    [4, 200],
    [40, 0],
  ] as const) {
    expect(sayApart([], selected, others)).toContain('Too little');
  }
});
