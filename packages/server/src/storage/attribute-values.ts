import type { Rollup } from './rollups.ts';

/** Of each insert so many rows are looked at for attributes, and of those behind them one in `SAMPLED_ONE_IN`. */
const SAMPLED_WHOLE = 2_048;
const SAMPLED_ONE_IN = 32;
/** Longer keys and values complete nothing that a person types. */
const COMPLETED_BYTES_MAX = 256;
/** Values of one key that one insert adds at most, those of the greatest weight first. */
const VALUES_AN_INSERT = 1_000;
/** Of a day, so many keys and values of each are kept: two in the same slot are one row, which shows one of them. */
export const KEY_SLOTS = 4_096;
const VALUE_SLOTS = 65_536;

// Types 1 to 4 are strings, bools, ints and doubles.
const ATTRIBUTE = `toUInt16(cityHash64(toString(key_)) % ${KEY_SLOTS}) AS key_slot,
  toUInt16(cityHash64(value_) % ${VALUE_SLOTS}) AS value_slot, toString(key_) AS key, value_ AS value`;

/** A span stands for those that sampling dropped, and for those of its insert that are not looked at. */
const SAMPLED_ATTRIBUTES = `SELECT day, ${ATTRIBUTE}, sum(represents) AS weight
FROM (
  SELECT toDate(start_s) AS day, sampling_weight * if(row_number < ${SAMPLED_WHOLE}, 1, ${SAMPLED_ONE_IN}) AS represents,
    arrayConcat(attrs_k, res_k) AS keys_, arrayConcat(attrs_v, res_v) AS values_, arrayConcat(attrs_t, res_t) AS types_
  FROM (
    SELECT rowNumberInBlock() AS row_number, start_s, span_id, sampling_weight, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t
    FROM throughline.spans
  )
  WHERE row_number < ${SAMPLED_WHOLE} OR cityHash64(span_id) % ${SAMPLED_ONE_IN} = 0
)
ARRAY JOIN keys_ AS key_, values_ AS value_, types_ AS type_`;

const ALL_ATTRIBUTES = `SELECT toDate(start_s) AS day, ${ATTRIBUTE}, sum(sampling_weight) AS weight
FROM throughline.spans
ARRAY JOIN arrayConcat(attrs_k, res_k) AS key_, arrayConcat(attrs_v, res_v) AS value_, arrayConcat(attrs_t, res_t) AS type_`;

/** The keys and values of the attributes of spans and resources, and about how many spans had them before any was sampled. */
export const ATTRIBUTE_VALUES: Rollup = {
  table: 'attribute_values',
  columns: ['day Date', 'key_slot UInt16', 'value_slot UInt16', 'key String', 'value String', 'weight Float64'],
  engine: 'SummingMergeTree((weight))',
  partitionBy: 'day',
  orderBy: '(day, key_slot, value_slot)',
  select: ({ viewsOfSubqueries }) => `${viewsOfSubqueries ? SAMPLED_ATTRIBUTES : ALL_ATTRIBUTES}
WHERE type_ IN (1, 2, 3, 4) AND length(value_) <= ${COMPLETED_BYTES_MAX} AND length(key_) <= ${COMPLETED_BYTES_MAX}
GROUP BY day, key, value
ORDER BY weight DESC, key, value
LIMIT ${VALUES_AN_INSERT} BY key`,
};
