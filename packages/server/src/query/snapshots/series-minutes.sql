SELECT service_name, operation AS grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors),
  quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(w * 8))),
  sum(c), sum(c_errors), quantilesExactWeightedIf(0.5, 0.9, 0.99)(bucket, c, c > 0)
FROM (
    SELECT service_name, operation, intDiv(toUInt32(minute), 60) * 60 AS slot, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors,
      toUInt64(0) AS c, toUInt64(0) AS c_errors
    FROM throughline.request_minutes
    WHERE minute >= toDateTime(1700002800)
  AND minute < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, toLowCardinality(operation) AS operation, intDiv(toUInt32(minute), 60) * 60 AS slot,
      toUInt8(status = 2) AS is_error, bucket,
      toUInt64(0) AS n, toUInt64(0) AS n_errors, toFloat64(0) AS w, toFloat64(0) AS w_errors,
      requests AS c, requests * is_error AS c_errors
    FROM throughline.counted_minutes
    WHERE minute >= toDateTime(1700002800)
  AND minute < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100