WITH
  countIf(parent_span_id = unhex('0000000000000000')) AS roots,
  groupUniqArray(toString(service)) AS services,
  sumMap([cityHash64(service)], [toUInt64(1)]) AS service_spans,
  sumMap([cityHash64(service)], [toUInt64(status_code = 2)]) AS service_errors
SELECT lower(hex(trace_id)), toString(min(start_ns)), roots,
  if(roots > 0, argMinIf(toString(service), concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)), parent_span_id = unhex('0000000000000000')), argMin(toString(service), concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)))),
  if(roots > 0, argMinIf(toString(name), concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)), parent_span_id = unhex('0000000000000000')), argMin(toString(name), concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)))),
  toString(if(roots > 0, argMinIf(greatest(duration_ns, 0), concat(substring(concat('000000000000000', hex(toUInt64(start_ns))), -16), hex(span_id)), parent_span_id = unhex('0000000000000000')), max(start_ns + greatest(duration_ns, 0)) - min(start_ns))),
  count(),
  services, arrayMap(x -> arrayElement(tupleElement(service_spans, 2), indexOf(tupleElement(service_spans, 1), cityHash64(x))), services),
  arrayMap(x -> arrayElement(tupleElement(service_errors, 2), indexOf(tupleElement(service_errors, 1), cityHash64(x))), services),
  countIf(status_code = 2)
FROM throughline.spans
WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
  AND start_s >= tupleElement((
    SELECT (if(uniqExact(trace_id) < 2, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 2, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
  ), 1)
  AND start_s <= tupleElement((
    SELECT (if(uniqExact(trace_id) < 2, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 2, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN (unhex('abababababababababababababababab'), unhex('cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd'))
  ), 2)
GROUP BY trace_id