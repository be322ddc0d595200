SELECT lower(hex(trace_id)), count()
FROM throughline.spans
WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
  AND start_s >= (SELECT min(first_s) FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd')))
  AND start_s <= (SELECT max(first_s + length_s) FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd')))
GROUP BY trace_id