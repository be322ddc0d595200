SELECT toDate(start_s) AS day, count(), toUnixTimestamp(min(start_s)), toUnixTimestamp(max(start_s))
FROM throughline.spans
WHERE tenant = ''
GROUP BY day