import type { Rollup } from './rollups.ts';

/** Of a batch with more spans than this, about so many are looked at for attributes: each stands for as many as were left out. */
export const LOOKED_AT = 8_192;
/** Longer keys and values complete nothing that a person types. */
const COMPLETED_BYTES_MAX = 256;
/** Values of one key that one batch adds at most, those of the greatest weight first. */
export const VALUES_PER_BATCH = 1_000;
/** Of a day, so many keys and values of each are kept: two in the same slot are one row, which shows one of them. */
export const KEY_SLOTS = 4_096;
const VALUE_SLOTS = 65_536;

/** What stands behind FROM for one row an attribute that is looked at: types 1 to 4 are strings, bools, ints and doubles. */
export const WITH_COMPLETED = `ARRAY JOIN arrayConcat(attrs_k, res_k) AS key_, arrayConcat(attrs_v, CAST(res_v AS Array(String))) AS value_,
  arrayConcat(attrs_t, res_t) AS type_
WHERE type_ IN (1, 2, 3, 4) AND length(value_) <= ${COMPLETED_BYTES_MAX} AND length(key_) <= ${COMPLETED_BYTES_MAX}`;

/** The keys and values of the attributes of spans and resources, and about how many spans had them before any was sampled. */
export const ATTRIBUTE_VALUES: Rollup = {
  table: 'attribute_values',
  columns: ['tenant', 'day', 'key_slot', 'value_slot', 'key', 'value', 'weight'],
  time: 'day',
  stepSeconds: 86_400,
  select: (source, spans) => {
    const oneIn = Math.max(1, Math.ceil(spans / LOOKED_AT));
    const lookedAt = oneIn === 1 ? source : `(SELECT * FROM ${source} WHERE cityHash64(span_id) % ${oneIn} = 0)`;
    return `SELECT tenant, toDate(start_s) AS day, toUInt16(cityHash64(toString(key_)) % ${KEY_SLOTS}) AS key_slot,
  toUInt16(cityHash64(toString(value_)) % ${VALUE_SLOTS}) AS value_slot, toString(key_) AS key, toString(value_) AS value,
  sum(sampling_weight) * ${oneIn} AS weight
FROM ${lookedAt}
${WITH_COMPLETED}
GROUP BY tenant, day, key, value
ORDER BY weight DESC, key, value
LIMIT ${VALUES_PER_BATCH} BY key`;
  },
};
