import { describe, expect, it } from 'vitest';
import { quoted, shown, shownError, shownName } from './shown.ts';

class Agent {
  readonly password = 's3cr3t';
}
const cycle: Record<string, unknown> = { list: [] };
cycle['self'] = cycle;
(cycle['list'] as unknown[]).push(cycle);
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const throwing = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error('hostile');
    },
  },
);
const getter = {
  get secret(): string {
    throw new Error('called');
  },
};

// No `it.each`: it would show the values in its own way, and call what must not be called.
const GIVEN: readonly (readonly [unknown, string])[] = [
  ['a', '"a"'],
  ['', '""'],
  ['a\nb\u2028', '"a\\nb "'],
  [1.5, '1.5'],
  [NaN, 'NaN'],
  [-0, '0'],
  [10n, '10n'],
  [true, 'true'],
  [null, 'null'],
  [undefined, 'undefined'],
  [Symbol('s\n'), 'Symbol(s )'],
  [[], '[]'],
  [['b3', 1, [], ['a', ['b']]], '["b3",1,[],["a",[…]]]'],
  // oxlint-disable-next-line no-sparse-arrays -- it may be given
  [[1, , 2], '[1,undefined,2]'],
  [{}, '{}'],
  [{ a: 1, 'b c': { d: [] } }, '{"a":1,"b c":{"d":[…]}}'],
  [[{ name: {} }], '[{"name":{…}}]'],
  [Object.create(null), '{}'],
  [new Agent(), 'Agent {…}'],
  [[new Date(0), new Map(), /a/, new URL('http://a')], '[Date {…},Map {…},RegExp {…},URL {…}]'],
  [parseInt, 'function parseInt'],
  [() => 1, 'function'],
  [cycle, '{"list":[{…}],"self":{"list":[…],"self":{…}}}'],
  [getter, '{"secret":…}'],
  [revoked.proxy, 'a value of type object'],
  [{ a: throwing, b: 1 }, '{"a":a value of type object,"b":1}'],
  [{ authorization: 's3cr3t', list: ['s3cr3t'] }, '{"authorization":"…","list":["…"]}'],
  ['http://user:s3cr3t@host/?token=s3cr3t', '"http://…@host/?…"'],
];

const THROWN: readonly (readonly [unknown, string])[] = [
  [new Error('no'), 'no'],
  [new TypeError('no'), 'TypeError: no'],
  [new Error(''), 'Error'],
  [new AggregateError([]), 'AggregateError'],
  ['no', 'no'],
  ['', '""'],
  [undefined, 'undefined'],
  [{ code: 5 }, '{"code":5}'],
  [{ message: 'no' }, 'no'],
  [Object.create(null), '{}'],
  [revoked.proxy, 'a value of type object'],
];

describe('what was given is shown', () => {
  it('much like JSON', () => {
    expect(GIVEN.map(([value]) => shown(value))).toEqual(GIVEN.map(([, text]) => text));
  });

  it('on one line of 100 characters, however much it is', () => {
    let deep: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    const values: unknown[] = [
      'x'.repeat(1000),
      '\n'.repeat(1000),
      '😀'.repeat(1000),
      2n ** 10_000n,
      Symbol('x\n'.repeat(1000)),
      Array.from({ length: 1_000_000 }, (_, at) => at),
      Object.assign([], { length: 2 ** 32 - 1 }),
      Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`a${at}`, at])),
      { ['x'.repeat(1000)]: { ['y'.repeat(1000)]: 1 } },
      Object.defineProperty(() => 1, 'name', { value: 'x'.repeat(1000) }),
      deep,
    ];
    for (const value of values) {
      const text = shown(value);
      expect(text.length).toBeLessThanOrEqual(100);
      expect(text).toMatch(/^[^\n]*$/);
      expect(text).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    }
    expect(shown('x'.repeat(101))).toBe(`"${'x'.repeat(97)}…"`);
    expect(quoted('x'.repeat(98))).toBe(`"${'x'.repeat(97)}…"`);
  });
});

it('shows what was thrown', () => {
  expect(THROWN.map(([error]) => shownError(error))).toEqual(THROWN.map(([, text]) => text));
});

it('shows names without quotes where they need none', () => {
  expect(['servce', 'OTEL-x.$y', 'a b', '', 'x'.repeat(1000)].map(shownName)).toEqual([
    'servce',
    'OTEL-x.$y',
    '"a b"',
    '""',
    `${'x'.repeat(99)}…`,
  ]);
});
