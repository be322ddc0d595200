import { describe, expect, it } from 'vitest';
import { anyText, integer, milliseconds, oneOf, readParameters, repeated, traceIds } from './parameters.ts';
import { Problem } from './problem.ts';

const PARAMETERS = {
  service: anyText('A name'),
  status: oneOf(['error', 'ok'], 'A status'),
  minDurationMs: milliseconds('A duration'),
  limit: integer({ least: 1, most: 1_000, defaultValue: 20 }, 'A number'),
  tag: repeated({ accepted: 'a=b', description: 'A tag', schema: {} }, 2, (given) =>
    given === '-' ? undefined : given,
  ),
};

const read = (query: string) => readParameters(PARAMETERS, new URLSearchParams(query));

function problemOf(query: string): string {
  try {
    read(query);
  } catch (error) {
    if (error instanceof Problem && error.status === 400) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('readParameters', () => {
  it('answers null for what was not given, and takes an empty value as not given', () => {
    const nothing = { service: null, status: null, minDurationMs: null, limit: 20, tag: [] };
    expect(read('')).toEqual(nothing);
    expect(read('service=&status=&limit=&tag=')).toEqual(nothing);
  });

  it('decodes names and values', () => {
    expect(read('service=a%20b%26c&tag=x&tag=y&status=ok').service).toBe('a b&c');
    expect(read('tag=x&tag=y').tag).toEqual(['x', 'y']);
  });

  it('reads decimal milliseconds exactly', () => {
    expect(read('minDurationMs=0.1').minDurationMs).toBe(100_000n);
    expect(read('minDurationMs=250').minDurationMs).toBe(250_000_000n);
    expect(read('minDurationMs=1.000001').minDurationMs).toBe(1_000_001n);
  });

  it('names the parameter, what it was and what is expected', () => {
    expect(problemOf('status=bad')).toMatch(/^invalid_parameter: parameter status: got "bad", expected .*error, ok$/);
    expect(problemOf('limit=0')).toMatch(/^invalid_parameter: parameter limit: got "0", expected .*1 to 1000$/);
    expect(problemOf('tag=x&tag=-')).toMatch(/parameter tag: got "x", "-", expected .*a=b/);
    expect(problemOf('tag=1&tag=2&tag=3')).toContain('at most 2 times');
    expect(problemOf('service=a&service=b')).toMatch(/^invalid_parameter: parameter service: got 2 values, /);
    for (const bad of ['-1', '1e3', '1.', '.5', '1.0000001', 'NaN', '1,5']) {
      expect(problemOf(`minDurationMs=${bad}`)).toContain('parameter minDurationMs: got');
    }
  });

  it('rejects a parameter that it does not know, whatever its name', () => {
    expect(problemOf('servce=a')).toMatch(
      /^unknown_parameter: .*"servce"; .*service, status, minDurationMs, limit, tag$/,
    );
    expect(problemOf('constructor=a')).toContain('unknown_parameter');
    expect(problemOf('__proto__=a')).toContain('unknown_parameter');
  });

  it('repeats only the beginning of a long value', () => {
    expect(problemOf(`status=${'x'.repeat(10_000)}`).length).toBeLessThan(250);
  });

  it('reads a list of trace ids of either case, each once', () => {
    const parameters = { ids: traceIds(2, 'Some ids') };
    const ids = (query: string) => readParameters(parameters, new URLSearchParams(query)).ids;
    const [a, b, c] = ['A1', 'b2', 'c3'].map((digits) => digits.repeat(16));
    expect(ids(`ids=${a},${b},${a}`)).toEqual([a?.toLowerCase(), b]);
    expect(() => ids(`ids=${a},${b},${c}`)).toThrow('expected 1 to 2 trace ids');
    expect(() => ids('')).toThrow(/ ids: missing value/);
    for (const bad of ['1', '0'.repeat(32), 'g'.repeat(32), `${a},`])
      expect(() => ids(`ids=${bad}`)).toThrow('expected');
  });
});
