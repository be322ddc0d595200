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
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
WHERE (arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v) OR has(attrs_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', CAST(v AS String))))), 1)), attrs_k, attrs_v, attrs_t) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v) OR has(res_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', CAST(v AS String))))), 1)), res_k, res_v, res_t) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', scope_k, scope_v) OR has(scope_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', CAST(v AS String))))), 1)), scope_k, scope_v, scope_t) OR arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', ev_k, ev_v) OR has(ev_t, 6) AND arrayExists((k, v, t) -> t = 6 AND k = 'http.route' AND (position(v, '{"stringValue":"/=\\\\"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"/=\\\\"}', CAST(v AS String))))), 1)), ev_k, ev_v, ev_t))
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
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
    )
    GROUP BY trace_id
    HAVING max(toUInt32(first_s) + length_s) >= 1700000000
  )
  AND trace_id IN (
    SELECT trace_id FROM throughline.spans
    WHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1699999940))
  AND start_s <= toDateTime(toUInt32(1700000119))
    GROUP BY trace_id
    HAVING max(start_ns + greatest(duration_ns, 0)) - min(start_ns) >= toInt64(5000000) AND maxIf(greatest(duration_ns, 0), parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00') <= toInt64(9000000)
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
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\')) OR has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('http.route', '/=\\\\')))
    )
    GROUP BY trace_id
    HAVING max(toUInt32(first_s) + length_s) - min(toUInt32(first_s)) >= 59
  )
GROUP BY trace_id
HAVING match < toInt64(1700000059999999999) OR match = toInt64(1700000059999999999) AND trace_id > '\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab'
ORDER BY match DESC, trace_id
LIMIT 21