SELECT countIf(start_ns >= toInt64(1700086400000000000)), countIf(NOT (start_ns >= toInt64(1700086400000000000)))
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700082800))
  AND start_ns >= toInt64(1700082800000000000)
  AND start_s <= toDateTime(toInt64(1700089999))
  AND start_ns <= toInt64(1700089999999999999)
  AND status_code = 2