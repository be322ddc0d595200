SELECT service, count(), countIf(status_code = 2), uniqExact(name),
  toString(min(start_ns)), toString(max(start_ns))
FROM throughline.spans

GROUP BY service
ORDER BY service