SELECT lower(hex(trace_id)), toString(min(start_ns) AS trace_start)
FROM throughline.spans
WHERE start_s >= toDateTime(toInt64(1700000000))
  AND trace_id IN (
    SELECT trace_id FROM throughline.spans
    PREWHERE start_s >= toDateTime(toInt64(1700000000))
      AND service = 'shop'
      AND name = 'it\'s'
      AND status_code = 2
      AND has(attrs_v, '/=\\')
    WHERE arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', attrs_k, attrs_v)
  UNION ALL
    SELECT trace_id FROM throughline.spans
    PREWHERE start_s >= toDateTime(toInt64(1700000000))
      AND service = 'shop'
      AND name = 'it\'s'
      AND status_code = 2
      AND has(res_v, '/=\\')
    WHERE arrayExists((k, v) -> k = 'http.route' AND v = '/=\\', res_k, res_v)
  )
GROUP BY trace_id
HAVING trace_start >= toInt64(1700000000000000000)
  AND trace_start <= toInt64(1700000059999999999)
  AND (trace_start < toInt64(1700000059999999999) OR trace_start = toInt64(1700000059999999999) AND trace_id > '\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  AND if(countIf(parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00') > 0, maxIf(greatest(duration_ns, 0), parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00'), max(start_ns + greatest(duration_ns, 0)) - trace_start) >= toInt64(5000000)
  AND if(countIf(parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00') > 0, minIf(greatest(duration_ns, 0), parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00'), max(start_ns + greatest(duration_ns, 0)) - trace_start) <= toInt64(9000000)
ORDER BY trace_start DESC, trace_id
LIMIT 21