import type { Capabilities } from '../capabilities.ts';
import type { Migration } from './migration.ts';

/**
 * Elements of the arrays of resources, scopes and events are found as those of a span's own attributes are; what was stored before is found
 * without the help of the index.
 */
export const arrayElements: Migration = {
  name: 'array elements',
  statements: ({ bloomFilters }: Capabilities) =>
    bloomFilters
      ? [
          'ALTER TABLE throughline.spans DROP INDEX IF EXISTS attribute_filter',
          `ALTER TABLE throughline.spans ADD INDEX IF NOT EXISTS attribute_hashes ${HASHES} TYPE bloom_filter(0.0025) GRANULARITY 1`,
        ]
      : [],
};

/** A hash of each attribute's key and value, and of the key and each element of an array. The search writes the same text. */
const HASHES = String.raw`arrayConcat(arrayMap((k, v) -> cityHash64(k, v), arrayConcat(attrs_k, res_k, scope_k, ev_k), arrayConcat(attrs_v, CAST(res_v AS Array(String)), scope_v, ev_v)), arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', v)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_k, res_k, scope_k, ev_k), arrayConcat(attrs_t, res_t, scope_t, ev_t)), arrayFilter((x, t) -> t = 6, arrayConcat(attrs_v, CAST(res_v AS Array(String)), scope_v, ev_v), arrayConcat(attrs_t, res_t, scope_t, ev_t)))))`;
