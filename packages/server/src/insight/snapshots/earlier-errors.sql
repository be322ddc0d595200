SELECT CAST(service, 'String') AS service_name,
  CAST(name, 'String') AS span_name,
  kind,
  substring(toString(status_message), 1, 1000) AS message,
  substring(toString(attrs_v[indexOf(attrs_k, 'error.type')]), 1, 1000) AS error_type,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.response.status_code')]), 1, 1000) AS http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.status_code')]), 1, 1000) AS old_http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.response.status_code')]), 1, 1000) AS rpc_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.grpc.status_code')]), 1, 1000) AS grpc_status,
  substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.type')]), 1, 1000) AS exception_type,
  substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000) AS exception_message,
  min(start_ns) AS first_ns, max(start_ns) AS last_ns,
  replaceRegexpAll(concat(message, exception_message), '[0-9][0-9a-fA-F-]*', '#') AS alike
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
GROUP BY service_name, span_name, kind, message, error_type, http_status, old_http_status, rpc_status, grpc_status, exception_type, exception_message
ORDER BY last_ns DESC, message
LIMIT 3 BY service_name, span_name, error_type, exception_type, alike
LIMIT 20000
SETTINGS max_bytes_before_external_group_by = 200000000