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
const HASHES = String.raw`arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', CAST(v AS String))), arrayFilter((x, t) -> t = 6, attrs_k, attrs_t), arrayFilter((x, t) -> t = 6, attrs_v, attrs_t))), arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', CAST(v AS String))), arrayFilter((x, t) -> t = 6, res_k, res_t), arrayFilter((x, t) -> t = 6, res_v, res_t))), arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', CAST(v AS String))), arrayFilter((x, t) -> t = 6, scope_k, scope_t), arrayFilter((x, t) -> t = 6, scope_v, scope_t))), arrayFlatten(arrayMap((k, v) -> arrayMap(e -> cityHash64(k, if(substring(e, position(e, ':') + 1, 1) = '"', substring(e, position(e, ':') + 2, length(e) - position(reverse(e), '"') - position(e, ':') - 1), substring(e, position(e, ':') + 1, position(e, '}') - position(e, ':') - 1))), splitByString('{"', CAST(v AS String))), arrayFilter((x, t) -> t = 6, ev_k, ev_t), arrayFilter((x, t) -> t = 6, ev_v, ev_t))))`;
