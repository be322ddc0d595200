SELECT name, count(), countIf(status_code = 2)
FROM throughline.spans
WHERE service = 'o\'brien'
  AND start_s >= toDateTime(toInt64(1700000000))
  AND start_ns >= toInt64(1700000000000000000)
  AND start_s <= toDateTime(toInt64(1700000000))
  AND start_ns <= toInt64(1700000000000000001)
GROUP BY name
ORDER BY name