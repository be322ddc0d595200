import type { Capabilities } from '../capabilities.ts';
import type { Tables } from '../tables.ts';
import type { Migration } from './migration.ts';

/**
 * Elements of arrays are hashed from the arrays alone: the expression of before first joined the keys and values of
 * everything that a span has, which took 300 bytes a span of an insert to find that most spans have no arrays. The
 * hashes are the same.
 */
export const elementsByOwner: Migration = {
  name: 'elements by owner',
  statements: ({ bloomFilters }: Capabilities, tables: Tables) =>
    bloomFilters
      ? [
          `ALTER TABLE ${tables.spans.everywhere} MODIFY COLUMN element_hashes Array(UInt64) MATERIALIZED ${ELEMENT_HASHES} CODEC(ZSTD(1))`,
        ]
      : [],
};

const OWNERS = ['attrs', 'res', 'scope', 'ev'] as const;

function arraysIn(what: 'k' | 'v'): string {
  const each = OWNERS.map((owner) => {
    const arrays = `arrayFilter((x, t) -> t = 6, ${owner}_${what}, ${owner}_t)`;
    // The values of resources are a dictionary's.
    return what === 'v' && owner === 'res' ? `CAST(${arrays} AS Array(String))` : arrays;
  });
  return `arrayConcat(${each.join(', ')})`;
}

/**
 * A hash of the key and each element of an array. The arrays are JSON as we write it: cut at each `{"`, which no text
 * holds as it is written there, a piece such as `stringValue":"a"},` has the value, without quotes. What is deeper in
 * an array has a hash as well, which does no harm.
 */
const ELEMENT_HASHES = String.raw`arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', v)), ${arraysIn('k')}, ${arraysIn('v')}))`;
