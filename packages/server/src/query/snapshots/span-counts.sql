SELECT lower(hex(trace_id)), uniqExact(cityHash64(span_id, start_ns, kind, name, parent_span_id, duration_ns, status_code))
FROM throughline.spans
WHERE tenant = ''
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  AND (start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000010)) OR start_s >= toDateTime(toUInt32(1700000100)) AND start_s <= toDateTime(toUInt32(1700000110)))
GROUP BY trace_id