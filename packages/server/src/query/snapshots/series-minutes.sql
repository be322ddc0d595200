SELECT service_name, operation AS grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors),
  quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(w * 8)))
FROM (
    SELECT service_name, operation, intDiv(toUInt32(minute), 60) * 60 AS slot, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors
    FROM throughline.request_minutes
    WHERE minute >= toDateTime(1700002800)
  AND minute < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100