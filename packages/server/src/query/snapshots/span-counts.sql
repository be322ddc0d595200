SELECT lower(hex(trace_id)), count()
FROM throughline.spans
WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
GROUP BY trace_id