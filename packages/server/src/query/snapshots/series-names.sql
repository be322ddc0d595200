SELECT service_name, '' AS grouped
FROM (
    SELECT service_name, operation, intDiv(toUInt32(hour), 3600) * 3600 AS slot, is_error, bucket,
      spans AS n, spans * is_error AS n_errors, weight AS w, weight * is_error AS w_errors
    FROM throughline.request_hours
    WHERE hour >= toDateTime(1700002800)
  AND hour < toDateTime(1700006400)
  )
GROUP BY service_name, grouped
ORDER BY sum(w) DESC, service_name, grouped
LIMIT 11