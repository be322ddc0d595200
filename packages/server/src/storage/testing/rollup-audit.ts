import { MISSING_LONG_TRACES, UNFOUNDED_LONG_TRACES } from './long-traces-audit.ts';

/**
 * Whether any span has an event, a link, something else that is rare, a schema URL, or something rare of its scope or
 * resource.
 */
export const RARE_OF_SPANS = `toUInt8(sum(length(ev_name)) > 0) + 2 * toUInt8(sum(length(link_span_id)) > 0)
  + 4 * toUInt8(sum(length(status_message)) + sum(length(trace_state)) + sum(dropped_attributes) + sum(dropped_events) + sum(dropped_links) > 0)
  + 8 * toUInt8(max(length(toString(res_schema_url))) + max(length(toString(scope_schema_url))) > 0)
  + 16 * toUInt8(sum(length(scope_v)) + sum(scope_dropped) + sum(res_dropped) + max(length(toString(res_entity_refs))) > 0)`;

/**
 * What the derived tables must hold, computed from `spans` by other means than those that fill them: no hash, no
 * rollup's own expression. A pair of statements that answer the same rows when all that is stored has been counted.
 */
export const ROLLUP_AUDITS: readonly { readonly name: string; readonly table: string; readonly spans: string }[] = [
  {
    name: 'operation_15m',
    table: `SELECT toUnixTimestamp(time), toString(service_name), toString(operation), sum(spans), sum(errors), round(sum(weight), 3), minMerge(first_ns), maxMerge(last_ns)
FROM throughline.operation_15m GROUP BY time, service_name, operation ORDER BY 1, 2, 3`,
    spans: `SELECT toUnixTimestamp(toStartOfFifteenMinutes(start_s)), ${service()}, ${operation()}, toUInt64(count()), toUInt64(countIf(status_code = 2)), round(sum(sampling_weight), 3), min(start_ns), max(start_ns)
FROM throughline.spans GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
  },
  ...(['Minute', 'Hour'] as const).map((unit) => ({
    name: unit === 'Minute' ? 'request_1m' : 'request_1h',
    table: `SELECT toUnixTimestamp(time), toString(service_name), is_error, bucket, sum(spans), round(sum(weight), 3)
FROM throughline.request_1${unit === 'Minute' ? 'm' : 'h'} GROUP BY time, service_name, is_error, bucket ORDER BY 1, 2, 3, 4`,
    spans: `SELECT toUnixTimestamp(toStartOf${unit}(start_s)), ${service()}, status_code = 2, toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)), toUInt64(count()), round(sum(sampling_weight), 3)
FROM throughline.spans
WHERE kind = 2 OR kind = 5 OR hex(parent_span_id) = '0000000000000000' OR bitTest(flags, 8) AND bitTest(flags, 9)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
  })),
  {
    name: 'trace_times',
    table: `SELECT hex(trace_id), toDate(first_s), toUnixTimestamp(min(first_s)), toUnixTimestamp(max(first_s + length_s)), max(has_root), groupBitOr(rare)
FROM throughline.trace_times GROUP BY 1, 2 ORDER BY 1, 2`,
    spans: `SELECT hex(trace_id), toDate(start_s), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s)), max(hex(parent_span_id) = '0000000000000000'),
  ${RARE_OF_SPANS}
FROM throughline.spans GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'long_traces',
    table: `${MISSING_LONG_TRACES} UNION ALL ${UNFOUNDED_LONG_TRACES}`,
    spans: 'SELECT 1 WHERE 0',
  },
  {
    name: 'weight_15m',
    table: `SELECT toUnixTimestamp(time), toString(service_name), round(sum(excess), 3) FROM throughline.weight_15m WHERE of_service = 1 GROUP BY time, service_name ORDER BY 1, 2`,
    spans: `SELECT toUnixTimestamp(toStartOfFifteenMinutes(start_s)), ${service()}, round(sum(sampling_weight) - count(), 3) AS excess
FROM throughline.spans WHERE sampling_weight != 1 GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  // Exact where a batch is small enough to be looked at as a whole.
  {
    name: 'attribute_values, keys',
    table: `SELECT toString(day), key, round(sum(weight), 3) FROM throughline.attribute_values WHERE key_slot >= 4096 GROUP BY 1, 2 ORDER BY 1, 2`,
    spans: `SELECT toString(toDate(start_s)) AS day, key, round(sum(sampling_weight), 3)
FROM throughline.spans ARRAY JOIN arrayConcat(attrs_k, res_k) AS key WHERE length(key) BETWEEN 1 AND 256 GROUP BY 1, 2 ORDER BY 1, 2`,
  },
  {
    name: 'attribute_values, values',
    table: `SELECT toString(day), key, round(sum(weight), 3) FROM throughline.attribute_values WHERE key_slot < 4096 GROUP BY 1, 2 ORDER BY 1, 2`,
    spans: `SELECT toString(toDate(start_s)) AS day, key, round(sum(sampling_weight), 3)
FROM throughline.spans ARRAY JOIN arrayConcat(attrs_k, res_k) AS key, arrayConcat(attrs_t, res_t) AS type
WHERE type BETWEEN 1 AND 4 AND key != '' GROUP BY 1, 2 ORDER BY 1, 2`,
  },
];

function service(): string {
  return String.raw`if(rollup_other = 2 OR length(service) > 4096, '\xff', toString(service))`;
}

function operation(): string {
  return String.raw`if(rollup_other >= 1 OR length(service) > 4096 OR length(name) > 4096, '\xff', toString(name))`;
}
