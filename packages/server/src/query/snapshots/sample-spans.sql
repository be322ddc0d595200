SELECT toUInt16(floor(log2(greatest(greatest(duration_ns, 0), 1)) * 8)) AS bucket, status_code = 2 AS failed,
  count(), sum(sampling_weight), sum(sampling_weight * sampling_weight)
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(60))
  AND start_ns >= toInt64(60000000000)
  AND start_s <= toDateTime(toInt64(359))
  AND start_ns <= toInt64(359999999999)
  AND service = 'o\'brien'
  AND kind = 3
  AND indexHint(has(arrayConcat(arrayMap((k, v) -> cityHash64(k, v), attrs_k, attrs_v), arrayMap((k, v) -> cityHash64(k, v), res_k, res_v), arrayMap((k, v) -> cityHash64(k, v), scope_k, scope_v), arrayMap((k, v) -> cityHash64(k, v), ev_k, ev_v), element_hashes), cityHash64('tenant', 'a')))
  AND (arrayExists((k, v) -> k = 'tenant' AND v = 'a', attrs_k, attrs_v) OR arrayExists((k, v) -> k = 'tenant' AND v = 'a', res_k, res_v) OR arrayExists((k, v) -> k = 'tenant' AND v = 'a', scope_k, scope_v) OR arrayExists((k, v) -> k = 'tenant' AND v = 'a', ev_k, ev_v) OR has(element_hashes, cityHash64('tenant', 'a')) AND arrayExists((k, v, t) -> t = 6 AND k = 'tenant' AND (position(v, '{"stringValue":"a"}') > 0 AND has(arrayPopBack(arrayCumSum(arrayMap(part -> length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), ']', '')) - length(replaceAll(replaceRegexpAll(part, '"(?:[^"\\\\]|\\\\.)*"', ''), '[', '')), splitByString('{"stringValue":"a"}', v)))), 1)), arrayConcat(CAST(attrs_k AS Array(String)), CAST(res_k AS Array(String)), CAST(scope_k AS Array(String)), CAST(ev_k AS Array(String))), arrayConcat(CAST(attrs_v AS Array(String)), CAST(res_v AS Array(String)), CAST(scope_v AS Array(String)), CAST(ev_v AS Array(String))), arrayConcat(attrs_t, res_t, scope_t, ev_t)))
GROUP BY bucket, failed
ORDER BY bucket, failed
LIMIT 4096