SELECT lower(hex(trace_id)), toString(max(start_ns) AS match), max(0)
FROM throughline.spans
PREWHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR has(element_hashes, cityHash64('http.route', '/=\\\\')) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
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
      PREWHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR has(element_hashes, cityHash64('http.route', '/=\\\\')) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
    ) AND toUInt32(first_s) + length_s >= 1700000000
  )
  AND trace_id IN (
    SELECT trace_id FROM throughline.spans
    WHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1699999940))
  AND start_s <= toDateTime(toUInt32(1700000119))
  AND trace_id IN (
      SELECT trace_id FROM throughline.spans
      PREWHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR has(element_hashes, cityHash64('http.route', '/=\\\\')) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
    )
    GROUP BY trace_id
    HAVING max(start_ns + greatest(duration_ns, 0)) - min(start_ns) >= toInt64(5000000) AND maxIf(greatest(duration_ns, 0), parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00') <= toInt64(9000000)
    UNION ALL
    SELECT trace_id FROM throughline.trace_times
    WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699913600))
  AND first_s <= toDateTime(toUInt32(1700086459))
  AND trace_id IN (
      SELECT trace_id FROM throughline.spans
      PREWHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
  AND service = 'shop'
  AND name = 'it\'s'
  AND status_code = 2
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR has(element_hashes, cityHash64('http.route', '/=\\\\')) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
    )
    GROUP BY trace_id
    HAVING max(toUInt32(first_s) + length_s) - min(toUInt32(first_s)) >= 59
  )
GROUP BY trace_id
HAVING match < toInt64(1700000059999999999) OR match = toInt64(1700000059999999999) AND trace_id > '\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab'
ORDER BY match DESC, trace_id
LIMIT 21