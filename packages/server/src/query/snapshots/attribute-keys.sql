SELECT key, sum(weight) AS n
FROM throughline.attribute_values
WHERE tenant = ''
  AND day >= toDate(toUInt16(19675))
  AND day <= toDate(toUInt16(19676))
  AND key_slot >= 4096
  AND startsWith(key, 'it\'s')
GROUP BY key
ORDER BY n DESC, key
LIMIT 5