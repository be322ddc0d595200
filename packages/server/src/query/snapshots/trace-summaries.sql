WITH
  concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)) AS position,
  parent_span_id = '\x00\x00\x00\x00\x00\x00\x00\x00' AS is_root
SELECT lower(hex(trace_id)), toString(service), count(), countIf(status_code = 2), toString(max(start_ns + greatest(duration_ns, 0))),
  min(position), argMin(toString(name), position),
  minIf(position, is_root), argMinIf(toString(name), position, is_root), toString(argMinIf(greatest(duration_ns, 0), position, is_root))
FROM throughline.spans
WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  AND start_s >= tupleElement((
    SELECT (if(uniqExact(trace_id) < 2, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 2, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  ), 1)
  AND start_s <= tupleElement((
    SELECT (if(uniqExact(trace_id) < 2, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 2, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  ), 2)
GROUP BY trace_id, service