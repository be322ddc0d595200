SELECT trace_id, span_id, parent_span_id, start_ns, toUInt64(round(least(sampling_weight, 1e12) * 1000)) AS weight,
  CAST(res_v[indexOf(res_k, 'service.version')], 'String') AS version,
  CAST(service, 'String') AS service_name,
  kind,
  substring(toString(attrs_v[indexOf(attrs_k, 'error.type')]), 1, 1000) AS error_type,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.response.status_code')]), 1, 1000) AS http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'http.status_code')]), 1, 1000) AS old_http_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.response.status_code')]), 1, 1000) AS rpc_status,
  substring(toString(attrs_v[indexOf(attrs_k, 'rpc.grpc.status_code')]), 1, 1000) AS grpc_status,
  substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.type')]), 1, 1000) AS exception_type,
  CAST(name, 'String') AS span_name,
  substring(toString(status_message), 1, 1000) AS message,
  substring(toString(ev_v[length(ev_k) + 1 - indexOf(arrayReverse(ev_k), 'exception.message')]), 1, 1000) AS exception_message
FROM throughline.spans
WHERE tenant = ''
  AND start_s >= toDateTime(toInt64(1700086400))
  AND start_ns >= toInt64(1700086400000000000)
  AND start_s <= toDateTime(toInt64(1700089999))
  AND start_ns <= toInt64(1700089999999999999)
  AND status_code = 2
  AND cityHash64(trace_id) < toUInt64(4611686018427387904)