SELECT lower(hex(trace_id)), max(end_s) AS last
FROM throughline.long_traces
WHERE tenant = ''
  AND begin_s <= toDateTime(toUInt32(1700000059))
  AND end_s >= toDateTime(toUInt32(1700000000))
GROUP BY trace_id
ORDER BY last DESC, trace_id
LIMIT 10000