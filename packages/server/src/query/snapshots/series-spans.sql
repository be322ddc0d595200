SELECT service_name, '' AS grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors),
  quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(w * 8))),
  sum(c), sum(c_errors), quantilesExactWeightedIf(0.5, 0.9, 0.99)(bucket, c, c > 0)
FROM (
    SELECT service AS service_name, name AS operation, intDiv(toUInt32(start_s), 10) * 10 AS slot, toUInt8(status_code = 2) AS is_error,
      toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)) AS bucket,
      count() AS n, countIf(status_code = 2) AS n_errors,
      sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors,
      toUInt64(0) AS c, toUInt64(0) AS c_errors
    FROM throughline.spans
    WHERE start_s >= toDateTime(toInt64(1700002800))
  AND start_ns >= toInt64(1700002800000000000)
  AND start_s <= toDateTime(toInt64(1700006399))
  AND start_ns <= toInt64(1700006399999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
    GROUP BY service_name, operation, slot, is_error, bucket
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100