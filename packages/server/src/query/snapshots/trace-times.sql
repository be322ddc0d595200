SELECT uniqExact(trace_id) < 2, toUnixTimestamp(min(first_s)), toUnixTimestamp(max(first_s + length_s))
FROM throughline.trace_times
WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))