SELECT if(operation = '\xff', '', concat('=', toString(operation))), sum(n), sum(n_errors), sum(w), sum(w_errors)
FROM (
  SELECT CAST(if(rollup_other >= 2 OR length(service) > 4096, toLowCardinality('\xff'), service) AS LowCardinality(String)) AS service_name, CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > 4096, toLowCardinality('\xff'), name) AS LowCardinality(String)) AS operation, count() AS n, countIf(status_code = 2) AS n_errors,
    sum(sampling_weight) AS w, sumIf(sampling_weight, status_code = 2) AS w_errors, min(start_ns) AS first, max(start_ns) AS last
  FROM throughline.spans
  WHERE tenant = ''
  AND service = 'o\'brien'
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_s <= toDateTime(toInt64(1700000000))
  AND start_ns <= toInt64(1700000000000000001)
  GROUP BY service_name, operation
  HAVING service_name = 'o\'brien'
)
GROUP BY operation
ORDER BY operation