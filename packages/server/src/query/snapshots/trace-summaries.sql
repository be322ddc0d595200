WITH
  concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)) AS position,
  concat(substring(concat('000000000000000', hex(toUInt64(greatest(duration_ns, 0)))), -16), substring(concat('000000000000000', hex(toUInt64(bitNot(toUInt64(start_ns))))), -16), substring(concat('000000000000000', hex(toUInt64(bitNot(reinterpretAsUInt64(reverse(span_id)))))), -16)) AS length,
  parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00' AS is_root
SELECT lower(hex(trace_id)), toString(service), uniqExact(cityHash64(span_id, start_ns, kind, name, parent_span_id, duration_ns, status_code)), uniqExactIf(cityHash64(span_id, start_ns, kind, name, parent_span_id, duration_ns, status_code), status_code = 2), toString(max(start_ns + greatest(duration_ns, 0))),
  min(position), argMin(toString(name), position),
  maxIf(length, is_root), argMaxIf(toString(name), length, is_root)
FROM throughline.spans
WHERE tenant = ''
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  AND (start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000010)) OR start_s >= toDateTime(toUInt32(1700000100)) AND start_s <= toDateTime(toUInt32(1700000110)))
GROUP BY trace_id, service