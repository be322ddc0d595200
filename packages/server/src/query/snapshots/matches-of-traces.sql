SELECT lower(hex(trace_id)), toString(max(start_ns))
FROM throughline.spans
PREWHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000059))
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR (has(attrs_t, 6) OR has(res_t, 6) OR has(scope_t, 6) OR has(ev_t, 6)) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
GROUP BY trace_id