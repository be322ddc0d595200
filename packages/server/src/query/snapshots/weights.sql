SELECT if(service_name = '\xff', '', concat('=', toString(service_name))), if(operation = '\xff', '', concat('=', toString(operation))), sum(request_excess), sum(request_variance), sum(unknown_requests)
FROM throughline.weight_15m
WHERE tenant = ''
  AND of_service = 0
  AND service_name = 'o\'brien'
  AND time >= toDateTime(toUInt32(1699999200))
  AND time <= toDateTime(toUInt32(1699999200))
GROUP BY service_name, operation