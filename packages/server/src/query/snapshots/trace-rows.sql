SELECT count()
FROM throughline.spans
WHERE tenant = ''
  AND trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  AND start_s >= toDateTime(toUInt32(1700000000)) AND start_s <= toDateTime(toUInt32(1700000010))