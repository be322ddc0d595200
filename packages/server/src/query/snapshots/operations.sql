SELECT operation, sum(n), sum(n_errors), sum(w), sum(w_errors)
FROM (
  SELECT service AS service_name, name AS operation, count() AS n, countIf(status_code = 2) AS n_errors,
    sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors, min(start_ns) AS first, max(start_ns) AS last
  FROM throughline.spans
  WHERE service = 'o\'brien'
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_s <= toDateTime(toInt64(1700000000))
  AND start_ns <= toInt64(1700000000000000001)
  GROUP BY service_name, operation
)
GROUP BY operation
ORDER BY operation