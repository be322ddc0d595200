import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../runtime/config-error.ts';
import { traceOfHex, type LocalTrace } from '../../span/local-trace.ts';
import { runPolicy } from '../../test-support/policy.ts';
import { adaptive } from './adaptive.ts';
import { anyOf } from './any-of.ts';
import { parentThreshold } from './parent-threshold.ts';
import type { Sampling } from '../policy.ts';
import { rateLimit } from './rate-limit.ts';
import { alwaysOff, alwaysOn, ratio } from './ratio.ts';
import { remote } from '../remote/remote.ts';
import { rules } from './rules.ts';

const HIGH = 'a'.repeat(16) + '00ffffffffffffff';
const LOW = 'a'.repeat(16) + '0000000000000001';

function callersTrace(id: string, flags: number, traceState = ''): LocalTrace {
  const trace = traceOfHex(id, 0, flags, traceState);
  if (trace === undefined) throw new Error('malformed id');
  return trace;
}

function keptShare(sampling: Sampling, name?: string, attributes?: unknown): number {
  const run = runPolicy(sampling);
  let kept = 0;
  for (let i = 0; i < 4000; i++) if (run.decide(name, { attributes }).sampled) kept++;
  return kept / 4000;
}

describe('fixed policies', () => {
  it('keep all, none, or a share, and say which', () => {
    expect(runPolicy(alwaysOn()).decide().traceState).toBe('ot=th:0');
    expect(runPolicy(alwaysOff()).decide().sampled).toBe(false);
    expect(keptShare(ratio(0.25))).toBeCloseTo(0.25, 1);
  });

  it('follow a caller where they are used alone', () => {
    const dropped = runPolicy(alwaysOn()).decide('GET', { callers: callersTrace(HIGH, 0) });
    expect(dropped.sampled).toBe(false);
    const kept = runPolicy(alwaysOff()).decide('GET', { callers: callersTrace(HIGH, 1, 'ot=th:c') });
    expect([kept.sampled, kept.traceState]).toEqual([true, 'ot=th:c']);
  });
});

describe('parentThreshold', () => {
  it.each([
    ['with a threshold that it reaches', HIGH, 1, 'ot=th:c,a=1', true, 'ot=th:c,a=1'],
    ['without a threshold: kept, with no weight', LOW, 1, 'a=1', true, 'a=1'],
    ['with a threshold that contradicts it', LOW, 1, 'ot=th:c', true, ''],
    ['that dropped the trace', HIGH, 0, 'ot=th:8', false, ''],
  ])('decides as a caller %s', (_, id, flags, traceState, sampled, after) => {
    const trace = runPolicy(parentThreshold(0)).decide('GET', { callers: callersTrace(id, flags, traceState) });
    expect([trace.sampled, trace.traceState]).toEqual([sampled, after]);
  });

  it('asks its root policy where there is no caller', () => {
    expect(keptShare(parentThreshold(0.25))).toBeCloseTo(0.25, 1);
  });
});

describe('anyOf', () => {
  it('keeps what the most generous policy keeps, with its weight', () => {
    expect(keptShare(anyOf(0.01, 0.25, alwaysOff()))).toBeCloseTo(0.25, 1);
    const run = runPolicy(anyOf(0.01, 1));
    expect(run.decide().traceState).toBe('ot=th:0');
  });

  it('keeps a trace that its caller dropped where another policy wants it', () => {
    const run = runPolicy(anyOf(parentThreshold(), rules([{ name: 'pay', sampling: 1 }], { otherwise: 0 })));
    expect(run.decide('pay', { callers: callersTrace(LOW, 0) }).traceState).toBe('ot=th:0');
    expect(run.decide('list', { callers: callersTrace(HIGH, 0) }).sampled).toBe(false);
  });

  it('states a weight where one of two that keep all knows it', () => {
    const trace = runPolicy(anyOf(parentThreshold(), 1)).decide('GET', { callers: callersTrace(LOW, 1) });
    expect(trace.traceState).toBe('ot=th:0');
  });
});

describe('rules', () => {
  const policy = rules(
    [
      { kind: 'consumer', sampling: 0 },
      { path: /^\/admin\//, method: 'POST', sampling: 1 },
      { service: 'other', sampling: 1 },
      { attributes: { 'tenant.tier': ['gold', 'silver'], 'request.size': 7 }, sampling: 1 },
      { name: ['a', 'b'], sampling: (span) => (span.attributes['wanted'] === true ? 1 : 0) },
    ],
    { otherwise: 0 },
  );
  const decide = (name: string, kind: number, attributes: unknown): boolean =>
    runPolicy(policy).decide(name, { kind, attributes }).sampled;

  it('decide by the first rule whose conditions are all met', () => {
    expect(decide('POST', 4, { 'url.path': '/admin/users', 'http.request.method': 'POST' })).toBe(false);
    expect(decide('POST', 1, { 'url.path': '/admin/users', 'http.request.method': 'POST' })).toBe(true);
    expect(decide('GET', 1, { 'url.path': '/admin/users', 'http.request.method': 'GET' })).toBe(false);
    expect(decide('x', 0, { 'tenant.tier': 'gold', 'request.size': 7 })).toBe(true);
    expect(decide('x', 0, { 'tenant.tier': 'gold', 'request.size': 8 })).toBe(false);
    expect(decide('a', 0, { wanted: true })).toBe(true);
    expect(decide('a', 0, undefined)).toBe(false);
  });

  it('drop health checks unless a rule wants them, or they are asked for', () => {
    const probe = { 'url.path': '/healthz', 'http.request.method': 'GET' };
    expect(keptShare(rules([]), 'GET', probe)).toBe(0);
    expect(keptShare(rules([], { healthChecks: 1 }), 'GET', probe)).toBe(1);
    expect(keptShare(rules([{ path: '/healthz', sampling: 1 }]), 'GET', probe)).toBe(1);
    expect(keptShare(rules([]), 'GET', { 'url.path': '/health-insurance' })).toBe(1);
    expect(keptShare(rules([]), 'POST', { 'url.path': '/health', 'http.request.method': 'POST' })).toBe(1);
  });

  it('go on from the start of the text at every use of an expression with the flag g', () => {
    const run = runPolicy(rules([{ name: /GET/g, sampling: 1 }], { otherwise: 0 }));
    expect([1, 2, 3].map(() => run.decide('GET').sampled)).toEqual([true, true, true]);
  });
});

describe("an application's own function", () => {
  it('sees name, kind, service and attributes, and answers a share', () => {
    const seen: unknown[] = [];
    const run = runPolicy((span) => {
      seen.push([span.service, span.name, span.kind, span.attributes['a']]);
      return 1;
    });
    run.decide('GET', { kind: 2, attributes: { a: 1 } });
    expect(seen).toEqual([['shop', 'GET', 2, 1]]);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['answers NaN', () => NaN],
    ['answers more than 1', () => 1.5],
    ['answers less than 0', () => -0.1],
    ['answers a promise', () => Promise.resolve(1)],
    ['answers nothing', () => undefined],
  ])('that %s drops its traces, and is counted', (_, fn) => {
    const run = runPolicy(fn as () => number);
    expect([run.decide().sampled, run.decide().traceState]).toEqual([false, '']);
    expect(run.failures).toHaveLength(2);
  });

  it('that starts a span itself is not asked again for that', () => {
    const run = runPolicy(() => {
      expect(run.decide('inner').sampled).toBe(false);
      return 1;
    });
    expect(run.decide('outer').sampled).toBe(true);
    expect(run.failures).toHaveLength(1);
  });
});

/** A wrong policy, and how the message is known. */
const WRONG_POLICIES: readonly (readonly [string, () => unknown, RegExp])[] = [
  ['ratio(NaN)', () => ratio(NaN), /^ratio: got NaN, expected .*0 to 1/],
  ['ratio(1.1)', () => ratio(1.1), /^ratio: got 1.1/],
  ['anyOf()', () => anyOf(), /^anyOf: .*or more policies/],
  ['anyOf("x")', () => anyOf('x' as unknown as number), /^anyOf\[0\]: got "x", expected .*a policy/],
  ['rateLimit()', () => rateLimit(undefined as unknown as { spansPerSecond: 1 }), /^rateLimit: .*spansPerSecond/],
  ['rateLimit({})', () => rateLimit({} as { spansPerSecond: 1 }), /^rateLimit.spansPerSecond: got undefined/],
  ['rateLimit 0', () => rateLimit({ spansPerSecond: 0 }), /^rateLimit.spansPerSecond: got 0/],
  ['rateLimit Infinity', () => rateLimit({ spansPerSecond: Infinity }), /finite/],
  ['rateLimit mode', () => rateLimit({ spansPerSecond: 1, mode: 'hard' as 'strict' }), /'smooth' or 'strict'/],
  [
    'rateLimit name',
    () => rateLimit({ spansPerSecond: 1, limit: 2 } as { spansPerSecond: 1 }),
    /^unknown option rateLimit.limit \(supported: /,
  ],
  ['rules text', () => rules('x' as unknown as []), /^rules: got "x", expected .*array/],
  [
    'rules condition',
    () => rules([{ nam: 'x', sampling: 1 } as unknown as { sampling: 1 }]),
    / rules\[0\].nam \(.*rules\[0\].name\?\)/,
  ],
  ['rules kind', () => rules([{ kind: 'servers' as 'server', sampling: 1 }]), /^rules\[0\].kind: .* internal/],
  ['rules empty list', () => rules([{ name: [], sampling: 1 }]), /^rules\[0\].name: /],
  ['rules no attributes', () => rules([{ attributes: {}, sampling: 1 }]), /^rules\[0\].attributes: /],
  ['rules unreachable', () => rules([{ sampling: 1 }, { name: 'x', sampling: 1 }]), /^rules\[0\].* never reached/],
  ['rules sampling', () => rules([{ name: 'x', sampling: 2 }]), /^rules\[0\].sampling: got 2/],
  ['adaptive', () => adaptive({ maxProbability: 0 }), /^adaptive.maxProbability: got 0/],
  ['remote', () => remote({ intervalMillis: 1 }), /^remote.intervalMillis: got 1/],
  ['remote sampling', () => remote({ sampling: 7 }), /^remote.sampling: got 7/],
];

describe('a wrong policy is rejected with what is accepted', () => {
  it.each(WRONG_POLICIES)('%s', (_, make, message) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });

  it('has its messages in policy-messages.golden.txt', async () => {
    const messages = WRONG_POLICIES.map(([name, make]) => {
      try {
        return make();
      } catch (error) {
        return `${name}\n  ${(error as ConfigError).message}\n`;
      }
    });
    await expect(messages.join('\n')).toMatchFileSnapshot('policy-messages.golden.txt');
  });
});
