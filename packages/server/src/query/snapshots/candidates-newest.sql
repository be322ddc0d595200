SELECT lower(hex(trace_id)), toString(min(start_ns) AS trace_start)
FROM throughline.spans
WHERE start_s >= toDateTime(toInt64(1700000000))
  AND start_s <= toDateTime(toInt64(1700000059))
GROUP BY trace_id
HAVING trace_start >= toInt64(1700000000000000000)
  AND trace_start <= toInt64(1700000059999999999)
ORDER BY trace_start DESC, trace_id
LIMIT 21