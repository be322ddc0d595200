SELECT lower(hex(trace_id)), toString(cityHash64(trace_id) AS hash), toString(start_ns), toString(start_ns + greatest(duration_ns, 0)), sampling_weight
FROM throughline.spans
WHERE tenant = ''
  AND service = 'web'
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_s <= toDateTime(toInt64(1700003600))
  AND start_ns <= toInt64(1700003600000000000)
  AND name = 'GET /cart'
  AND parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00'
  AND trace_id != '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07'
ORDER BY hash
LIMIT 64