WITH
  countIf(parent_span_id = unhex('0000000000000000')) AS roots,
  argMinIf((service, name, greatest(duration_ns, 0)), (start_ns, span_id), parent_span_id = unhex('0000000000000000')) AS root,
  argMin((service, name), (start_ns, span_id)) AS earliest
SELECT lower(hex(trace_id)), toString(min(start_ns)), roots,
  if(roots > 0, root.1, earliest.1), if(roots > 0, root.2, earliest.2),
  toString(if(roots > 0, root.3, max(start_ns + greatest(duration_ns, 0)) - min(start_ns))),
  count(), sumMap([CAST(service AS String)], [toUInt64(1)], [toUInt64(status_code = 2)]), countIf(status_code = 2)
FROM throughline.spans
WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
  AND start_s >= (SELECT min(first_s) FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd')))
  AND start_s <= (SELECT max(first_s + length_s) FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd')))
GROUP BY trace_id