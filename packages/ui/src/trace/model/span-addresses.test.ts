import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findNamed, followSpan, SpanAddresses } from './span-addresses.ts';

describe('the addresses of spans', () => {
  const addresses = new SpanAddresses(['aa', 'cc', 'cc', '', 'bb', 'cc', '']);

  it('are their ids, with an ordinal from the second span on that shares one', () => {
    const written = Array.from({ length: 7 }, (_, index) => addresses.addressOf(index));
    expect(written).toEqual(['aa', 'cc', 'cc.2', '.1', 'bb', 'cc.3', '.2']);
    expect([addresses.addressOf(-1), addresses.addressOf(7)]).toEqual([null, null]);
  });

  it.each([
    ['cc', 1],
    ['cc.1', 1],
    ['cc.2', 2],
    ['CC.3', 5],
    ['0xcc', 1],
    ['cc.9', 1],
    ['cc.0', 1],
    ['aa.2', 0],
    ['.2', 6],
    ['dd', -1],
    ['', -1],
    ['cc.', -1],
    ['cc.2.1', -1],
    ['cc.-1', -1],
    ['constructor', -1],
  ])('lead from %j to the span', (address, index) => {
    expect(addresses.find(address)).toBe(index);
  });

  it('say how many share an id, of none that has it for itself', () => {
    const texts = Array.from({ length: 7 }, (_, index) => addresses.sharedText(index));
    expect(texts).toEqual(['', '1 of 3 with this ID', '2 of 3 with this ID', '', '', '3 of 3 with this ID', '']);
  });

  it('lead back to every span, whatever the ids', () => {
    const ids = fc.array(fc.stringMatching(/^[0-9a-f]{0,2}$/), { maxLength: 30 });
    fc.assert(
      fc.property(ids, (spanIds) => {
        const any = new SpanAddresses(spanIds);
        for (const index of spanIds.keys()) expect(any.find(any.addressOf(index) ?? '')).toBe(index);
      }),
    );
  });
});

describe('a span that shares its id', () => {
  const client = ['cc', 'web', 'call'] as const;
  const server = ['cc', 'pay', 'serve'] as const;
  const root = ['aa', 'web', 'root'] as const;

  it('stays the same one when the other arrives after it and stands before it', () => {
    const before = stateOf(root, server);
    const now = stateOf(root, client, server);
    expect(followSpan(before, 1, now)).toBe(2);
    expect(followSpan(before, 0, now)).toBe(0);
    expect(followSpan(stateOf(root, server, server), 2, stateOf(root, client, server, server))).toBe(3);
    expect(followSpan(before, 1, stateOf(root))).toBe(-1);
  });

  it('is found by its service and name', () => {
    const { model, addresses } = stateOf(root, client, server);
    const named = (spanId: string, service: string, name: string): number =>
      findNamed(model, addresses, { spanId, service, name });
    expect(named('cc', 'pay', 'serve')).toBe(2);
    expect(named('cc', 'web', 'call')).toBe(1);
    expect(named('cc', 'renamed', 'serve')).toBe(1);
    expect(named('dd', 'pay', 'serve')).toBe(-1);
  });
});

function stateOf(...spans: (readonly [id: string, service: string, name: string])[]) {
  const services = [...new Set(spans.map(([, service]) => service))];
  const model = {
    spanIds: spans.map(([id]) => id),
    names: spans.map(([, , name]) => name),
    services,
    serviceIndex: Uint32Array.from(spans, ([, service]) => services.indexOf(service)),
  };
  return { model, addresses: new SpanAddresses(model.spanIds) };
}
