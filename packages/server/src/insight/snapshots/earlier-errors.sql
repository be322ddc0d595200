SELECT CAST(service, 'String') AS service_name,
  kind,
  substring(toString(attrs_v[indexOf(attrs_k, 'error.type')]), 1, 1000) AS error_type,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.response.status_code')]), 1, 1000) AS http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.status_code')]), 1, 1000) AS old_http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.response.status_code')]), 1, 1000) AS rpc_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.grpc.status_code')]), 1, 1000) AS grpc_status,
  substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.type')]), 1, 1000) AS exception_type,
  any(CAST(name, 'String')) AS span_name,
  any(substring(toString(status_message), 1, 1000)) AS message,
  any(substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000)) AS exception_message,
  min(start_ns) AS first_ns, max(start_ns) AS last_ns
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700082800))
  AND start_ns >= toInt64(1700082800000000000)
  AND start_s <= toDateTime(toInt64(1700086399))
  AND start_ns <= toInt64(1700086399999999999)
  AND status_code = 2
  AND (service = 'bank' AND name = 'it\'s' OR service = 'web')
  AND cityHash64(trace_id, span_id) NOT IN (
  SELECT cityHash64(trace_id, parent_span_id) FROM throughline.spans
  WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700082800))
  AND start_ns >= toInt64(1700082800000000000)
  AND start_s <= toDateTime(toInt64(1700086459))
  AND start_ns <= toInt64(1700086459999999999)
  AND status_code = 2
  AND parent_span_id != span_id
)
GROUP BY service_name,
  kind,
  error_type,
  http_status,
  old_http_status,
  rpc_status,
  grpc_status,
  exception_type,
  replaceRegexpAll(replaceRegexpAll(if(NOT match(CAST(name, 'String'), '^\\s*[\\[{]') AND match(replaceRegexpAll(CAST(name, 'String'), '"[^"]*"|\'[^\']*\'|[A-Za-z][A-Za-z0-9+.-]*://\\S*', '0'), '[A-Za-z]'), replaceRegexpAll(CAST(name, 'String'), '"[^"]*"', '"0"'), CAST(name, 'String')), '\\b[0-9a-f]{16,32}\\b|\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b', '0000000000000000'), '[0-9]', '0'),
  replaceRegexpAll(replaceRegexpAll(if(NOT match(substring(toString(status_message), 1, 1000), '^\\s*[\\[{]') AND match(replaceRegexpAll(substring(toString(status_message), 1, 1000), '"[^"]*"|\'[^\']*\'|[A-Za-z][A-Za-z0-9+.-]*://\\S*', '0'), '[A-Za-z]'), replaceRegexpAll(substring(toString(status_message), 1, 1000), '"[^"]*"', '"0"'), substring(toString(status_message), 1, 1000)), '\\b[0-9a-f]{16,32}\\b|\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b', '0000000000000000'), '[0-9]', '0'),
  replaceRegexpAll(replaceRegexpAll(if(NOT match(substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000), '^\\s*[\\[{]') AND match(replaceRegexpAll(substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000), '"[^"]*"|\'[^\']*\'|[A-Za-z][A-Za-z0-9+.-]*://\\S*', '0'), '[A-Za-z]'), replaceRegexpAll(substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000), '"[^"]*"', '"0"'), substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000)), '\\b[0-9a-f]{16,32}\\b|\\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\\b', '0000000000000000'), '[0-9]', '0')
ORDER BY last_ns DESC, message
LIMIT 20000
SETTINGS max_bytes_before_external_group_by = 200000000