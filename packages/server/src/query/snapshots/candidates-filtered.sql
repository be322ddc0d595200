SELECT lower(hex(trace_id)), toString(max(start_ns) AS match)
FROM throughline.spans
PREWHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), if(has(attrs_t, 6), arrayFlatten(arrayMap((k, v, t) -> if(t = 6, arrayMap(e -> cityHash64(k, if(JSONHas(e, 'stringValue'), JSONExtractString(e, 'stringValue'), if(JSONHas(e, 'intValue'), JSONExtractString(e, 'intValue'), if(JSONHas(e, 'boolValue'), JSONExtractRaw(e, 'boolValue'), JSONExtractRaw(e, 'doubleValue'))))), JSONExtractArrayRaw(v, 'values')), CAST([] AS Array(UInt64))), attrs_k, attrs_v, attrs_t)), CAST([] AS Array(UInt64)))), cityHash64('http.route', '/=\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR has(attrs_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0), attrs_k, attrs_v, attrs_t) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v))
  AND trace_id IN (
    SELECT trace_id FROM throughline.spans
    WHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1699913600))
  AND start_s <= toDateTime(toUInt32(1700000000))
  AND start_ns + greatest(duration_ns, 0) >= toInt64(1700000000000000000)
  AND start_ns < toInt64(1700000000000000000)
    UNION ALL
    SELECT trace_id FROM throughline.trace_times
    WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699913600))
  AND first_s <= toDateTime(toUInt32(1700000059))
  AND trace_id IN (
      SELECT trace_id FROM throughline.spans
      WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), if(has(attrs_t, 6), arrayFlatten(arrayMap((k, v, t) -> if(t = 6, arrayMap(e -> cityHash64(k, if(JSONHas(e, 'stringValue'), JSONExtractString(e, 'stringValue'), if(JSONHas(e, 'intValue'), JSONExtractString(e, 'intValue'), if(JSONHas(e, 'boolValue'), JSONExtractRaw(e, 'boolValue'), JSONExtractRaw(e, 'doubleValue'))))), JSONExtractArrayRaw(v, 'values')), CAST([] AS Array(UInt64))), attrs_k, attrs_v, attrs_t)), CAST([] AS Array(UInt64)))), cityHash64('http.route', '/=\\')))
    )
    GROUP BY trace_id
    HAVING min(toUInt32(first_s)) <= 1700000000 AND max(toUInt32(first_s) + length_s) >= 1700000000
  )
  AND trace_id IN (
    SELECT trace_id FROM throughline.spans
    WHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1699999940))
  AND start_s <= toDateTime(toUInt32(1700000119))
    GROUP BY trace_id
    HAVING max(start_ns + greatest(duration_ns, 0)) - min(start_ns) >= toInt64(5000000) AND max(start_ns + greatest(duration_ns, 0)) - min(start_ns) <= toInt64(9000000)
    UNION ALL
    SELECT trace_id FROM throughline.trace_times
    WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699913600))
  AND first_s <= toDateTime(toUInt32(1700086459))
  AND trace_id IN (
      SELECT trace_id FROM throughline.spans
      WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), if(has(attrs_t, 6), arrayFlatten(arrayMap((k, v, t) -> if(t = 6, arrayMap(e -> cityHash64(k, if(JSONHas(e, 'stringValue'), JSONExtractString(e, 'stringValue'), if(JSONHas(e, 'intValue'), JSONExtractString(e, 'intValue'), if(JSONHas(e, 'boolValue'), JSONExtractRaw(e, 'boolValue'), JSONExtractRaw(e, 'doubleValue'))))), JSONExtractArrayRaw(v, 'values')), CAST([] AS Array(UInt64))), attrs_k, attrs_v, attrs_t)), CAST([] AS Array(UInt64)))), cityHash64('http.route', '/=\\')))
    )
    GROUP BY trace_id
    HAVING max(toUInt32(first_s) + length_s) - min(toUInt32(first_s)) >= 59
  )
GROUP BY trace_id
HAVING match < toInt64(1700000059999999999) OR match = toInt64(1700000059999999999) AND trace_id > '\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab'
ORDER BY match DESC, trace_id
LIMIT 21