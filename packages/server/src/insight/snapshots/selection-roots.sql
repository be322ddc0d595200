SELECT trace_id, arrayFilter((k, v, t) -> length(v) <= 200 AND t > 0 AND t <= 4, CAST(attrs_k, 'Array(String)'), CAST(attrs_v, 'Array(String)'), attrs_t) AS attrs_keys,
  arrayFilter((v, t) -> length(v) <= 200 AND t > 0 AND t <= 4, CAST(attrs_v, 'Array(String)'), attrs_t) AS attrs_values,
  arrayFilter((k, v, t) -> length(v) <= 200 AND t > 0 AND t <= 4, CAST(res_k, 'Array(String)'), CAST(res_v, 'Array(String)'), res_t) AS res_keys,
  arrayFilter((v, t) -> length(v) <= 200 AND t > 0 AND t <= 4, CAST(res_v, 'Array(String)'), res_t) AS res_values
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1699999940))
  AND start_ns >= toInt64(1699999940000000000)
  AND start_s <= toDateTime(toInt64(1700003599))
  AND start_ns <= toInt64(1700003599999999999)
  AND parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00'
  AND trace_id IN (
  SELECT trace_id FROM throughline.spans
  WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_s <= toDateTime(toInt64(1700003599))
  AND start_ns <= toInt64(1700003599999999999)
  AND service = 'bank'
  AND if((status_code = 2 AND greatest(duration_ns, 0) >= toInt64(1) AND (arrayExists((k, v) -> k = 'db.name' AND v = 'it\'s', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'db.name' AND v = 'it\'s', res_k, res_v) OR arrayExists((k, v) -> k = 'db.name' AND v = 'it\'s', scope_k, scope_v) OR arrayExists((k, v) -> k = 'db.name' AND v = 'it\'s', ev_k, ev_v) OR has(element_hashes, cityHash64('db.name', 'it\'s')) AND arrayExists((k, v, t) -> t = 6 AND k = 'db.name' AND (position(v, '{"stringValue":"it\'s"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"it\'s"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))), 1, cityHash64(trace_id) < toUInt64(4611686018427387904))
)
LIMIT 16000