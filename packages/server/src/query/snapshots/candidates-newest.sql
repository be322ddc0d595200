SELECT lower(hex(trace_id)), toString(max(start_ns) AS match), max(0)
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_ns <= toInt64(1700000059999999999)
GROUP BY trace_id
ORDER BY match DESC, trace_id
LIMIT 21