SELECT lower(hex(trace_id)), max(last) AS newest
FROM (
  SELECT trace_id, toUInt32(first_s) AS first, toUInt32(first_s + length_s) AS last
  FROM throughline.trace_times WHERE tenant = ''
  AND trace_id IN (SELECT trace_id FROM (SELECT trace_id FROM throughline.trace_times WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699913600))
  AND first_s <= toDateTime(toUInt32(1700000059))
  AND toUInt32(first_s) + length_s >= 1700000000
  AND has_root = 0) WHERE trace_id NOT IN (SELECT trace_id FROM throughline.trace_times WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699910000))
  AND first_s <= toDateTime(toUInt32(1700003659))
  AND toUInt32(first_s) + length_s >= 1699996400
  AND has_root = 1
  AND trace_id IN (SELECT trace_id FROM throughline.trace_times WHERE tenant = ''
  AND first_s >= toDateTime(toUInt32(1699913600))
  AND first_s <= toDateTime(toUInt32(1700000059))
  AND toUInt32(first_s) + length_s >= 1700000000
  AND has_root = 0)))
)
GROUP BY trace_id
HAVING min(first) < 1699996400 OR newest > 1700003659
ORDER BY newest DESC, trace_id
LIMIT 10000