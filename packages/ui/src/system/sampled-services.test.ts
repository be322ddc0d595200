import type { SampledOperation } from '@throughline/trace/client';
import { describe, expect, it } from 'vitest';
import { sampledPerSecond, sampledServices } from './sampled-services.ts';

function anOperation(service: string, name: string, decidedPerSecond: number | null): SampledOperation {
  return {
    service,
    name,
    kind: 1,
    probability: 0.1,
    reason: 'target',
    tracesPerSecond: 10,
    decidedPerSecond,
    errorsPerSecond: 0,
    boostedUntilUnixNano: null,
    policy: '10 traces a second',
  };
}

const operations = [
  anOperation('web', 'idle', null),
  anOperation('web', 'busy', 100),
  anOperation('cart', 'quiet', 0),
  anOperation('web', 'about', 1),
  anOperation('web', 'aside', 1),
];

const namesOf = (service: string | null, rowsMax = 100): string[] =>
  sampledServices(operations, { service, rowsMax }).flatMap(({ name, operations: own }) =>
    own.map((operation) => `${name} ${operation.name}`),
  );

describe('the sampled services', () => {
  it('come by name, their busiest operations first and the unknown last', () => {
    expect(namesOf(null)).toEqual(['cart quiet', 'web busy', 'web about', 'web aside', 'web idle']);
  });

  it('are narrowed to one', () => {
    expect(namesOf('cart')).toEqual(['cart quiet']);
    expect(namesOf('nobody')).toEqual([]);
  });

  it('end where there is no more room', () => {
    expect(namesOf(null, 2)).toEqual(['cart quiet', 'web busy']);
  });

  it('keep what their probability leaves of what arrives', () => {
    expect(sampledPerSecond(anOperation('web', 'busy', 100))).toBe(10);
    expect(sampledPerSecond(anOperation('web', 'idle', null))).toBeNull();
  });
});
