SELECT service_name, grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors), sumForEach(q),
  sum(c), sum(c_errors), sumForEach(c_q)
FROM (
    SELECT service AS service_name, '' AS grouped, intDiv(toUInt32(start_s), 10) * 10 AS slot,
      sum(toUInt64(1)) AS n, sumIf(toUInt64(1), status_code = 2) AS n_errors, sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors,
      quantilesExactWeighted(0.5, 0.9, 0.99)(toUInt16(floor(log2(greatest(duration_ns, 1)) * 8)), toUInt64(round(sampling_weight * 8))) AS q,
      toUInt64(0) AS c, toUInt64(0) AS c_errors, arrayResize([toUInt16(0)], 3) AS c_q
    FROM throughline.spans
    WHERE start_s >= toDateTime(toInt64(1700002800))
  AND start_ns >= toInt64(1700002800000000000)
  AND start_s <= toDateTime(toInt64(1700006399))
  AND start_ns <= toInt64(1700006399999999999)
  AND (kind IN (2, 5) OR parent_span_id = unhex('0000000000000000') OR bitAnd(flags, 768) = 768)
    GROUP BY service_name, grouped, slot
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100