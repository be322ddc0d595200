SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service_name,
  CAST(name AS String) AS operation, kind, status_code, start_ns, greatest(duration_ns, 0) AS duration
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toUInt32(1700000000))
LIMIT 100