SELECT if(service_name = '\xff', '', concat('=', toString(service_name))), if(grouped = '\xff', '', concat('=', toString(grouped))), slot, sum(n), sum(n_errors), sum(w), sum(w_errors), sumForEach(q),
  sum(c), sum(c_errors), sumForEach(c_q)
FROM (
    SELECT service_name AS service_name, operation AS grouped, intDiv(toUInt32(time), 60) * 60 AS slot,
      sum(spans) AS n, sumIf(spans, is_error = 1) AS n_errors, sum(weight) AS w, sumIf(weight, is_error = 1) AS w_errors,
      quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(weight * 8))) AS q,
      toUInt64(0) AS c, toUInt64(0) AS c_errors, arrayResize([toUInt16(0)], 3) AS c_q
    FROM (
      SELECT service_name, operation, time, is_error, bucket, spans, weight
      FROM throughline.request_1m
      WHERE tenant = ''
  AND time >= toDateTime(1700002800)
  AND time < toDateTime(1700006400)
      UNION ALL
      SELECT CAST(if(rollup_other >= 2 OR length(service) > 4096, toLowCardinality('\xff'), service) AS LowCardinality(String)) AS service_name, CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > 4096, toLowCardinality('\xff'), name) AS LowCardinality(String)) AS operation, start_s AS time, status_code = 2 AS is_error,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)) AS bucket, toUInt64(1) AS spans, sampling_weight AS weight
      FROM throughline.spans
      WHERE tenant = ''
  AND NOT (arrival >= toUInt64(7) AND arrival <= toUInt64(9))
  AND arrival > toUInt64(3)
  AND start_s >= toDateTime(toUInt32(1700002800))
  AND start_s <= toDateTime(toUInt32(1700002860))
  AND start_s >= toDateTime(toInt64(1700002800))
  AND start_ns >= toInt64(1700002800000000000)
  AND start_s <= toDateTime(toInt64(1700006399))
  AND start_ns <= toInt64(1700006399999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
      UNION ALL
      SELECT CAST(if(rollup_other >= 2 OR length(service) > 4096, toLowCardinality('\xff'), service) AS LowCardinality(String)) AS service_name, CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > 4096, toLowCardinality('\xff'), name) AS LowCardinality(String)) AS operation, start_s AS time, status_code = 2 AS is_error,
        toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)) AS bucket, toUInt64(1) AS spans, sampling_weight AS weight
      FROM throughline.spans_fresh
      WHERE tenant = ''
  AND (arrival >= toUInt64(7) AND arrival <= toUInt64(9))
  AND start_s >= toDateTime(toInt64(1700002800))
  AND start_ns >= toInt64(1700002800000000000)
  AND start_s <= toDateTime(toInt64(1700006399))
  AND start_ns <= toInt64(1700006399999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
    )
    WHERE service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
    GROUP BY service_name, grouped, slot
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, toLowCardinality(operation) AS grouped, intDiv(toUInt32(time), 60) * 60 AS slot,
      toUInt64(0) AS n, toUInt64(0) AS n_errors, toFloat64(0) AS w, toFloat64(0) AS w_errors, arrayResize([toUInt16(0)], 3) AS q,
      sum(requests) AS c, sumIf(requests, status = 2) AS c_errors, quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, requests) AS c_q
    FROM throughline.counted_1m
    WHERE tenant = ''
  AND time >= toDateTime(1700002800)
  AND time < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
    GROUP BY service_name, grouped, slot
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100