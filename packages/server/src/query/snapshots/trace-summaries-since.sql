WITH
  concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)) AS position,
  parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00' AS is_root
SELECT lower(hex(trace_id)), toString(service), count(), countIf(status_code = 2), toString(max(start_ns + greatest(duration_ns, 0))),
  min(position), argMin(toString(name), position),
  minIf(position, is_root), argMinIf(toString(name), position, is_root), toString(argMinIf(greatest(duration_ns, 0), position, is_root))
FROM throughline.spans
WHERE start_s >= toDateTime(toUInt32(1700000000))
GROUP BY trace_id, service
LIMIT 100