import type { Rollup } from './rollups.ts';

/**
 * Of a batch with more spans than this, about so many are looked at for attributes: each stands for as many as were
 * left out.
 */
export const LOOKED_AT = 8_192;
/** Longer keys and values complete nothing that a person types. */
const COMPLETED_BYTES_MAX = 256;
/** Values of one key that one batch adds at most, those of the greatest weight first. */
export const VALUES_PER_BATCH = 1_000;
/** Of a day, so many keys and values of each are kept: two in the same slot are one row, which shows one of them. */
export const VALUES_KEY_SLOTS = 4_096;
const VALUE_SLOTS = 65_536;
/**
 * The key slots behind those are for keys as such, so many times `VALUE_SLOTS` of them: what their values are bounds no
 * key's count.
 */
const KEY_SLOTS = 16;
/** On `key_slot`: whether a row counts a key, and not one of its values. */
export const COUNTS_PER_KEY = `key_slot >= ${VALUES_KEY_SLOTS}`;

/** What follows FROM for one row an attribute that is counted. */
export const WITH_ATTRIBUTES = `ARRAY JOIN arrayConcat(attrs_k, res_k) AS key_, arrayConcat(attrs_v, CAST(res_v AS Array(String))) AS text_,
  arrayConcat(attrs_t, res_t) AS type_
WHERE length(key_) <= ${COMPLETED_BYTES_MAX} AND key_ != ''`;
/** Of those, whose values are kept: types 1 to 4 are strings, bools, ints and doubles. */
export const IS_COMPLETED = `type_ IN (1, 2, 3, 4) AND length(text_) <= ${COMPLETED_BYTES_MAX}`;
/** Where the values of a key are counted, and the key as such: of `key`, a string. */
export const SLOT_OF_VALUES = `cityHash64(key) % ${VALUES_KEY_SLOTS}`;
export const SLOT_OF_KEY = `${VALUES_KEY_SLOTS} + cityHash64(key) % ${KEY_SLOTS}`;
export const SECOND_SLOT_OF_KEY = `intDiv(cityHash64(key), ${KEY_SLOTS}) % ${VALUE_SLOTS}`;

/**
 * The keys of the attributes of spans and resources, and the values that complete a search, with about how many spans
 * had them before any was sampled. A key is counted with all of its values, also those that are omitted.
 */
export const ATTRIBUTE_VALUES: Rollup = {
  table: 'attribute_values',
  columns: ['tenant', 'day', 'key_slot', 'value_slot', 'key', 'value', 'weight'],
  time: 'day',
  stepSeconds: 86_400,
  select: (source, spans) => {
    const oneIn = Math.max(1, Math.ceil(spans / LOOKED_AT));
    const lookedAt = oneIn === 1 ? source : `(SELECT * FROM ${source} WHERE cityHash64(span_id) % ${oneIn} = 0)`;
    return `SELECT tenant, day,
  toUInt16(if(of_key, ${SLOT_OF_KEY}, ${SLOT_OF_VALUES})) AS key_slot,
  toUInt16(if(of_key, ${SECOND_SLOT_OF_KEY}, cityHash64(value) % ${VALUE_SLOTS})) AS value_slot,
  key, value, sum(weight_) AS weight
FROM (
  SELECT tenant, day, key, if(of_key, '', value_) AS value, of_key, weight_
  FROM (
    SELECT tenant, day, key, value_, weight_, arrayJoin(if(completes, [0, 1], [1])) AS of_key
    FROM (
      SELECT tenant, toDate(start_s) AS day, toString(key_) AS key,
        ${IS_COMPLETED} AS completes, if(completes, toString(text_), '') AS value_,
        sum(sampling_weight) * ${oneIn} AS weight_
      FROM ${lookedAt}
      ${WITH_ATTRIBUTES}
      GROUP BY tenant, day, key, completes, value_
    )
  )
)
GROUP BY tenant, day, of_key, key, value
ORDER BY weight DESC, key, value
LIMIT ${VALUES_PER_BATCH} BY of_key, key`;
  },
};
