SELECT service_name, '' AS grouped
FROM (
    SELECT service_name, operation, intDiv(toUInt32(hour), 3600) * 3600 AS slot, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors,
      toUInt64(0) AS c, toUInt64(0) AS c_errors
    FROM throughline.request_hours
    WHERE hour >= toDateTime(1700002800)
  AND hour < toDateTime(1700006400)
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, toLowCardinality(operation) AS operation, intDiv(toUInt32(hour), 3600) * 3600 AS slot,
      toUInt8(status = 2) AS is_error, bucket,
      toUInt64(0) AS n, toUInt64(0) AS n_errors, toFloat64(0) AS w, toFloat64(0) AS w_errors,
      requests AS c, requests * is_error AS c_errors
    FROM throughline.counted_hours
    WHERE hour >= toDateTime(1700002800)
  AND hour < toDateTime(1700006400)
  )
GROUP BY service_name, grouped
ORDER BY greatest(sum(w), toFloat64(sum(c))) DESC, service_name, grouped
LIMIT 11