SELECT service_name, operation, sum(request_excess), sum(request_variance), sum(unknown_requests)
FROM throughline.weight_quarters
WHERE of_service = 0
  AND service_name = 'o\'brien'
  AND quarter >= toDateTime(toUInt32(1699999200))
  AND quarter <= toDateTime(toUInt32(1699999200))
GROUP BY service_name, operation