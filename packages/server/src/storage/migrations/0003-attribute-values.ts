import type { Rollup } from '../rollups.ts';

/** As released: it counts stored spans. `0006-attribute-weights.ts` puts another in its place, so it is never filled. */
export const UNWEIGHTED_ATTRIBUTE_VALUES: Rollup = {
  table: 'attribute_values',
  columns: ['day Date', 'key_slot UInt16', 'value_slot UInt16', 'key String', 'value String', 'spans UInt64'],
  engine: 'SummingMergeTree((spans))',
  partitionBy: 'day',
  orderBy: '(day, key_slot, value_slot)',
  select: () => `SELECT day, toUInt16(cityHash64(toString(key_)) % 4096) AS key_slot,
  toUInt16(cityHash64(value_) % 65536) AS value_slot, toString(key_) AS key, value_ AS value, sum(represents) AS spans
FROM (
  SELECT toDate(start_s) AS day, toUInt64(if(row_number < 2048, 1, 32)) AS represents,
    arrayConcat(attrs_k, res_k) AS keys_, arrayConcat(attrs_v, res_v) AS values_, arrayConcat(attrs_t, res_t) AS types_
  FROM (
    SELECT rowNumberInBlock() AS row_number, start_s, span_id, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t
    FROM throughline.spans
  )
  WHERE row_number < 2048 OR cityHash64(span_id) % 32 = 0
)
ARRAY JOIN keys_ AS key_, values_ AS value_, types_ AS type_
WHERE type_ IN (1, 2, 3, 4) AND length(value_) <= 256 AND length(key_) <= 256
GROUP BY day, key, value
ORDER BY spans DESC, key, value
LIMIT 1000 BY key`,
};
