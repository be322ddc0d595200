SELECT value, sum(weight) AS n
FROM throughline.attribute_values
WHERE tenant = ''
  AND day >= toDate(toUInt16(19675))
  AND day <= toDate(toUInt16(19676))
  AND key_slot = cityHash64('o\'k') % 4096
  AND key = 'o\'k'
  AND startsWith(value, 'it\'s')
GROUP BY value
ORDER BY n DESC, value
LIMIT 5