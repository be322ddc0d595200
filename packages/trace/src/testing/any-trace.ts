import * as fc from 'fast-check';
import type { SpanPlan } from './a-trace.ts';

/**
 * Trees whose spans start and end anywhere about their parents: they overlap, overflow, precede, and may have no
 * duration; some fail.
 */
export const { tree: anyTree } = fc.letrec<{ tree: SpanPlan }>((tie) => ({
  tree: fc
    .record({
      service: fc.constantFrom('a', 'b', 'c'),
      name: fc.constantFrom('x', 'y'),
      kind: fc.constantFrom('unspecified', 'internal', 'server', 'client', 'producer', 'consumer'),
      from: fc.nat(3000),
      to: fc.nat(3000),
      error: fc.constantFrom(undefined, undefined, '', 'CardError', 'TimeoutError'),
      children: fc.oneof({ depthSize: 'small' }, fc.constant([]), fc.array(tie('tree'), { maxLength: 5 })),
    })
    .map(({ error, ...plan }): SpanPlan => (error === undefined ? plan : { ...plan, error })),
}));
