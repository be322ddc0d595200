import { describe, expect, it } from 'vitest';
import { SamplingController } from './sampling-controller.ts';
import type { ExchangeMessage, ReportedOperation } from '../exchange/exchange-message.ts';
import { reasonFor } from './reason-for.ts';
import { readSamplingSettings } from './sampling-settings.ts';

class Fleet {
  nowMs = 0;
  readonly controller: SamplingController;

  constructor(settings: unknown = {}, limits = {}) {
    this.controller = new SamplingController({
      settings: readSamplingSettings(settings),
      limits,
      now: () => this.nowMs,
    });
  }

  /**
   * Every process tells once of five seconds with these requests a second in all; answers the last one's probabilities.
   */
  round(perSecond: Record<string, number>, errorsPerSecond = 0, instances = 1): Record<string, number> {
    this.nowMs += 5000;
    if (this.nowMs % 60_000 === 0) this.controller.tick();
    let answered: Record<string, number> = {};
    for (let i = 0; i < instances; i++) {
      const operations = Object.entries(perSecond).map(([name, rate]) =>
        operation(name, (rate * 5) / instances, (errorsPerSecond * 5) / instances),
      );
      const answer = this.controller.exchange(report({ instance: `i${i}`, operations }));
      answered = Object.fromEntries(answer.operations.map(({ name, probability }) => [name, probability]));
    }
    return answered;
  }
}

function report(given: Partial<ExchangeMessage>): ExchangeMessage {
  return { service: 'shop', instance: 'i0', windowMs: 5000, uptimeMs: undefined, operations: [], totals: [], ...given };
}

function operation(name: string, requests: number, errors = 0): ReportedOperation {
  const count = Math.round(requests);
  return { name, kind: 1, started: count, decided: count, requests: count, errors: Math.round(errors), endNames: [] };
}

describe('the controller of probabilities', () => {
  it('answers what keeps as many traces a second as are wanted, from the first message on', () => {
    const fleet = new Fleet({ tracesPerSecond: 10 });
    expect(fleet.round({ busy: 1000, rare: 2 })).toEqual({ busy: 0.01, rare: 1 });
  });

  it('adds all processes of a service up, and splits what it wants of errors', () => {
    const fleet = new Fleet({ tracesPerSecond: 10, errorTracesPerSecond: 8 });
    fleet.round({ busy: 1000 }, 0, 4);
    expect(fleet.round({ busy: 1000 }, 0, 4)['busy']).toBeCloseTo(0.01, 3);
    expect(fleet.controller.exchange(report({ instance: 'i0' })).errorTracesPerSecond).toBe(2);
  });

  it('is there within two messages after a change of a hundredfold, up or down', () => {
    const fleet = new Fleet({ tracesPerSecond: 10 });
    for (let i = 0; i < 20; i++) fleet.round({ a: 100 });
    expect(fleet.round({ a: 10_000 })['a']).toBeCloseTo(0.001, 4);
    expect(fleet.round({ a: 100 })['a']).toBeCloseTo(0.1, 2);
  });

  it('is not moved far by chance where little comes', () => {
    const fleet = new Fleet({ tracesPerSecond: 0.1 });
    for (let i = 0; i < 20; i++) fleet.round({ a: 1 });
    expect(fleet.round({ a: 2 })['a']).toBeGreaterThan(0.07);
  });

  it('counts a process no more that has fallen silent', () => {
    const fleet = new Fleet({ tracesPerSecond: 10 });
    fleet.round({ a: 1000 }, 0, 4);
    for (let i = 0; i < 10; i++) fleet.round({ a: 250 }, 0, 1);
    expect(fleet.round({ a: 250 }, 0, 1)['a']).toBeCloseTo(0.04, 2);
  });

  it('keeps to its bounds, to fixed probabilities and to targets of single operations', () => {
    const fleet = new Fleet({
      tracesPerSecond: 1,
      minProbability: 0.01,
      maxProbability: 0.5,
      operations: [
        { service: 'other', probability: 1 },
        { service: 'shop', operation: 'pay', probability: 0.75 },
        { service: 'shop', operation: 'list', tracesPerSecond: 30 },
      ],
    });
    expect(fleet.round({ busy: 10_000, rare: 0.2, pay: 1000, list: 100 })).toEqual({
      busy: 0.01,
      rare: 0.5,
      pay: 0.75,
      list: 0.3,
    });
  });

  it('boosts what fails more than usual, and no longer when that is over', () => {
    const fleet = new Fleet({ tracesPerSecond: 1, errorTracesPerSecond: 5 });
    for (let i = 0; i < 120; i++) fleet.round({ a: 1000 }, 1);
    expect(fleet.round({ a: 1000 }, 1)['a']).toBeCloseTo(0.001, 4);
    fleet.round({ a: 1000 }, 50);
    fleet.round({ a: 1000 }, 50);
    expect((fleet.round({ a: 1000 }, 50)['a'] ?? 0) * 50).toBeCloseTo(5, 1);
    expect(fleet.controller.sampling('shop')).toMatchObject([{ name: 'a', reason: 'errors' }]);
    // It is held for a minute after the last tick that was unusual, the errors of which were half as many.
    for (let i = 0; i < 12; i++) expect(fleet.round({ a: 1000 }, 0)['a'], `after ${i} rounds`).toBeCloseTo(0.2, 2);
    for (let i = 0; i < 4; i++) fleet.round({ a: 1000 }, 0);
    expect(fleet.round({ a: 1000 }, 0)['a']).toBeCloseTo(0.001, 4);
  });

  it('remembers no more than its limits, and answers the rest with the default', () => {
    const fleet = new Fleet({ defaultProbability: 0.2 }, { operationsMax: 3, instancesMax: 2 });
    expect(Object.keys(fleet.round({ a: 1, b: 1, c: 1, d: 1, e: 1 }, 0, 3))).toEqual([]);
    expect(fleet.controller.operationCount).toBe(3);
    expect(fleet.controller.untracked).toBe(2 + 2 + 1);
    expect(fleet.controller.exchange(report({ instance: 'i9', operations: [operation('x', 1)] }))).toMatchObject({
      probability: 0.2,
      operations: [],
    });
  });

  it('forgets what nobody reports any more', () => {
    const fleet = new Fleet({}, { operationLiveMs: 60_000, operationsMax: 2 });
    fleet.round({ a: 1, b: 1 });
    for (let i = 0; i < 40; i++) fleet.round({ a: 1 });
    expect(fleet.controller.sampling().map(({ name }) => name)).toEqual(['a']);
    expect(Object.keys(fleet.round({ a: 1, c: 1 }))).toEqual(['a', 'c']);
  });

  it('goes on after a restart as if nothing had been, while processes tell one after the other', () => {
    const before = new Fleet({ tracesPerSecond: 10 });
    for (let i = 0; i < 5; i++) before.round({ a: 1000 }, 0, 10);
    const after = new Fleet({ tracesPerSecond: 10 });
    after.controller.restore(
      JSON.parse(JSON.stringify(before.controller.save())) as ReturnType<SamplingController['save']>,
    );
    const first = after.controller.exchange(report({ instance: 'i3', operations: [operation('a', 500)] }));
    expect(first.operations[0]?.probability).toBeCloseTo(0.01, 2);
    expect(after.round({ a: 1000 }, 0, 10)['a']).toBeCloseTo(0.01, 2);
  });
});

describe('why spans are kept', () => {
  it('is known by the names that they start and end with, and by rules', () => {
    const fleet = new Fleet({ rules: [{ path: '/health', probability: 0 }] });
    fleet.controller.exchange(report({ operations: [{ ...operation('GET', 100), endNames: ['GET /cart'] }] }));
    const reason = (name: string, kind = 1, path = '/cart') =>
      reasonFor(fleet.controller, {
        service: 'shop',
        name,
        kind,
        attribute: (key) => (key === 'url.path' ? path : undefined),
      });
    expect([reason('GET'), reason('GET /cart'), reason('GET /cart', 2), reason('POST /cart')]).toEqual([
      'target',
      'target',
      null,
      null,
    ]);
    expect(reason('GET', 1, '/health')).toBe('rule');
  });
});

describe('wrong settings are rejected with what is accepted', () => {
  it.each<[unknown, RegExp]>([
    [null, /the settings: got null, /],
    [{ tracePerSecond: 1 }, /^the settings: .*"tracePerSecond"; supported: tracesPerSecond, /],
    [{ tracesPerSecond: -1 }, /^tracesPerSecond: got -1, expected .*from 0/],
    [{ defaultProbability: 2 }, /^defaultProbability: got 2, expected .*0 to 1/],
    [{ minProbability: 0.5, maxProbability: 0.1 }, /^minProbability: .*at most maxProbability/],
    [{ operations: {} }, /^operations: got {}, expected an array/],
    [{ operations: [{ operation: 'a', probability: 1 }] }, /^operations\[0\].service: missing, expected/],
    [{ operations: [{ service: 'a' }] }, /^operations\[0\]: .*either tracesPerSecond or probability/],
    [{ rules: [{ probability: 1 }] }, /^rules\[0\]: .*name, kind/],
    [{ rules: [{ kind: 'servers', probability: 1 }] }, /^rules\[0\].kind: .*one of internal/],
    [{ peers: ['collector-2'] }, /^peers\[0\]: .*base URL/],
  ])('%j', (given, message) => {
    expect(() => readSamplingSettings(given)).toThrow(message);
  });
});
