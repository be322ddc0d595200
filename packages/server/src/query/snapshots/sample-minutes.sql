SELECT toUInt16(bucket), toUInt8(failed), sum(n), sum(w), sum(c)
FROM (SELECT bucket, is_error = 1 AS failed, sum(spans) AS n, sum(weight) AS w, toUInt64(0) AS c
FROM (
      SELECT service_name, operation, time, is_error, bucket, spans, weight
      FROM throughline.request_1m
      WHERE tenant = ''
  AND time >= toDateTime(60)
  AND time < toDateTime(360)
      UNION ALL
      SELECT CAST(if(rollup_other >= 2 OR length(service) > 4096, toLowCardinality('\xff'), service) AS LowCardinality(String)) AS service_name, CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > 4096, toLowCardinality('\xff'), name) AS LowCardinality(String)) AS operation, start_s AS time, status_code = 2 AS is_error,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)) AS bucket, toUInt64(1) AS spans, sampling_weight AS weight
      FROM throughline.spans
      WHERE tenant = ''
  AND NOT (arrival >= toUInt64(8) AND arrival <= toUInt64(9))
  AND arrival > toUInt64(7)
  AND start_s >= toDateTime(toUInt32(60))
  AND start_s <= toDateTime(toUInt32(119))
  AND start_s >= toDateTime(toInt64(60))
  AND start_ns >= toInt64(60000000000)
  AND start_s <= toDateTime(toInt64(359))
  AND start_ns <= toInt64(359999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
      UNION ALL
      SELECT CAST(if(rollup_other >= 2 OR length(service) > 4096, toLowCardinality('\xff'), service) AS LowCardinality(String)) AS service_name, CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > 4096, toLowCardinality('\xff'), name) AS LowCardinality(String)) AS operation, start_s AS time, status_code = 2 AS is_error,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)) AS bucket, toUInt64(1) AS spans, sampling_weight AS weight
      FROM throughline.spans_fresh
      WHERE tenant = ''
  AND (arrival >= toUInt64(8) AND arrival <= toUInt64(9))
  AND start_s >= toDateTime(toInt64(60))
  AND start_ns >= toInt64(60000000000)
  AND start_s <= toDateTime(toInt64(359))
  AND start_ns <= toInt64(359999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
    )
WHERE service_name = 'o\'brien'
  AND operation = 'GET /'
GROUP BY bucket, failed
UNION ALL
SELECT bucket, status = 2 AS failed, toUInt64(0) AS n, toFloat64(0) AS w, sum(requests) AS c
FROM throughline.counted_1m
WHERE tenant = ''
  AND time >= toDateTime(60)
  AND time < toDateTime(360)
  AND service_name = 'o\'brien'
  AND operation = 'GET /'
GROUP BY bucket, failed)
GROUP BY bucket, failed
ORDER BY bucket, failed
LIMIT 4096