SELECT if(service_name = '\xff', '', concat('=', toString(service_name))), if(grouped = '\xff', '', concat('=', toString(grouped)))
FROM (
    SELECT service_name AS service_name, '' AS grouped,
      sum(weight) AS w, toUInt64(0) AS c
    FROM throughline.request_1h
    WHERE tenant = ''
  AND time >= toDateTime(1700002800)
  AND time < toDateTime(1700006400)
    GROUP BY service_name, grouped
    UNION ALL
    SELECT toLowCardinality(service_name) AS service_name, '' AS grouped,
      toFloat64(0) AS w, sum(requests) AS c
    FROM throughline.counted_1h
    WHERE tenant = ''
  AND time >= toDateTime(1700002800)
  AND time < toDateTime(1700006400)
    GROUP BY service_name, grouped
  )
GROUP BY service_name, grouped
ORDER BY greatest(sum(w), toFloat64(sum(c))) DESC, service_name, grouped
LIMIT 11