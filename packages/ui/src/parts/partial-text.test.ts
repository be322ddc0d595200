import { describe, expect, it } from 'vitest';
import { partialText } from './partial-text.ts';

describe('what stands above incomplete results', () => {
  it('is nothing where every shard answered', () => {
    expect(partialText([])).toBeNull();
    expect(partialText([undefined, undefined])).toBeNull();
  });

  it('is of the answer that lacks most', () => {
    const text = partialText([undefined, { missingShards: 1, shards: 4 }, { missingShards: 3, shards: 4 }]);
    expect(text).toMatch(/^3 of 4 /);
  });
});
