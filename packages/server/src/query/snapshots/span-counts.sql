SELECT lower(hex(trace_id)), count()
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
GROUP BY trace_id