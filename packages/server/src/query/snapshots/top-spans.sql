WITH concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)) AS position
SELECT lower(hex(trace_id)), min(position), argMin(toString(service), position), argMin(toString(name), position)
FROM throughline.spans
WHERE tenant = ''
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  AND (start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000010)) OR start_s >= toDateTime(toUInt32(1700000100)) AND start_s <= toDateTime(toUInt32(1700000110)))
  AND (trace_id, parent_span_id) NOT IN (
  SELECT trace_id, span_id FROM throughline.spans
  WHERE tenant = ''
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab', '\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd')
  AND (start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000010)) OR start_s >= toDateTime(toUInt32(1700000100)) AND start_s <= toDateTime(toUInt32(1700000110)))
)
GROUP BY trace_id