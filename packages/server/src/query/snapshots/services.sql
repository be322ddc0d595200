SELECT if(service_name = '\xff', '', concat('=', toString(service_name))), sum(n), sum(n_errors), sum(w), sum(w_errors), uniqExact(operation),
  toString(min(first)), toString(max(last))
FROM (
  SELECT service_name, operation, sum(spans) AS n, sum(errors) AS n_errors, sum(weight) AS w, sum(error_weight) AS w_errors,
    minMerge(first_ns) AS first, maxMerge(last_ns) AS last
  FROM throughline.operation_15m
  WHERE tenant = ''
  GROUP BY service_name, operation
)
GROUP BY service_name
ORDER BY service_name