import type { Capabilities } from '../capabilities.ts';
import type { Tables } from '../tables.ts';
import type { Migration } from './migration.ts';

/**
 * Elements of the arrays of resources, scopes and events are found as those of a span's own attributes are, and all by
 * an index that the engine uses: it used the one before for no condition, as its expression had literals. What
 * was stored before is found without the help of the index.
 */
export const arrayElements: Migration = {
  name: 'array elements',
  statements: ({ bloomFilters }: Capabilities, tables: Tables) =>
    bloomFilters
      ? [
          {
            table: 'spans',
            column: 'element_hashes',
            definition: `Array(UInt64) MATERIALIZED ${ELEMENT_HASHES} CODEC(ZSTD(1))`,
          },
          `ALTER TABLE ${tables.spans.everywhere} DROP INDEX IF EXISTS attribute_filter`,
          `ALTER TABLE ${tables.spans.everywhere} ADD INDEX IF NOT EXISTS attribute_hashes ${HASHES} TYPE bloom_filter(0.0005) GRANULARITY 4`,
        ]
      : [],
};

/**
 * A hash of the key and each element of an array. The arrays are JSON as we write it: cut at each `{"`, which no text
 * holds as it is written there, a piece such as `stringValue":"a"},` has the value, without quotes. What is deeper in
 * an array has a hash as well, which does no harm.
 */
const ELEMENT_HASHES = String.raw`arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', v)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_k, res_k, scope_k, ev_k), arrayConcat(attrs_t, res_t, scope_t, ev_t)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_v, CAST(res_v AS Array(String)), scope_v, ev_v), arrayConcat(attrs_t, res_t, scope_t, ev_t))))`;

/** The same of each attribute's key and value, and those of elements. The search writes the same text. */
const HASHES =
  'arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes)';
