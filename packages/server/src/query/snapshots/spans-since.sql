SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service_name,
  CAST(name AS String) AS operation, status_code, start_ns, greatest(duration_ns, 0) AS duration
FROM throughline.spans
WHERE start_s >= toDateTime(toUInt32(1700000000))
LIMIT 100