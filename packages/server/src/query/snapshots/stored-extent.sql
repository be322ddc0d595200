SELECT count(), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s))
FROM throughline.spans
WHERE tenant = ''