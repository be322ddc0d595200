SELECT service_name, grouped, slot, sum(n), sum(n_errors), sum(w), sum(w_errors), sumForEach(q),
  sum(c), sum(c_errors), sumForEach(c_q)
FROM (
    SELECT service_name AS service_name, operation AS grouped, intDiv(toUInt32(minute), 60) * 60 AS slot,
      sum(spans) AS n, sumIf(spans, is_error = 1) AS n_errors, sum(weight) AS w, sumIf(weight, is_error = 1) AS w_errors,
      quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, toUInt64(round(weight * 8))) AS q,
      toUInt64(0) AS c, toUInt64(0) AS c_errors, arrayResize([toUInt16(0)], 3) AS c_q
    FROM throughline.request_minutes
    WHERE minute >= toDateTime(1700002800)
  AND minute < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
    GROUP BY service_name, grouped, slot
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, toLowCardinality(operation) AS grouped, intDiv(toUInt32(minute), 60) * 60 AS slot,
      toUInt64(0) AS n, toUInt64(0) AS n_errors, toFloat64(0) AS w, toFloat64(0) AS w_errors, arrayResize([toUInt16(0)], 3) AS q,
      sum(requests) AS c, sumIf(requests, status = 2) AS c_errors, quantilesExactWeighted(0.5, 0.9, 0.99)(bucket, requests) AS c_q
    FROM throughline.counted_minutes
    WHERE minute >= toDateTime(1700002800)
  AND minute < toDateTime(1700006400)
  AND service_name = 'o\'brien'
  AND (service_name, operation) IN (('o\'brien', 'x'))
    GROUP BY service_name, grouped, slot
  )
GROUP BY service_name, grouped, slot
ORDER BY service_name, grouped, slot
LIMIT 100