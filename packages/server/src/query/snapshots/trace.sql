SELECT trace_id, span_id, parent_span_id, CAST(service AS String) AS service, CAST(name AS String) AS name, kind, status_code, status_message, start_ns, duration_ns, trace_state, flags, dropped_attributes, dropped_events, dropped_links, CAST(attrs_k AS Array(String)) AS attrs_k, attrs_v, attrs_t, CAST(res_k AS Array(String)) AS res_k, CAST(res_v AS Array(String)) AS res_v, res_t, res_dropped, CAST(res_schema_url AS String) AS res_schema_url, CAST(res_entity_refs AS String) AS res_entity_refs, CAST(scope_name AS String) AS scope_name, CAST(scope_version AS String) AS scope_version, CAST(scope_k AS Array(String)) AS scope_k, scope_v, scope_t, scope_dropped, CAST(scope_schema_url AS String) AS scope_schema_url, ev_ns, CAST(ev_name AS Array(String)) AS ev_name, ev_dropped, ev_attr_n, CAST(ev_k AS Array(String)) AS ev_k, ev_v, ev_t, link_trace_id, link_span_id, link_trace_state, link_flags, link_dropped, link_attr_n, CAST(link_k AS Array(String)) AS link_k, link_v, link_t
FROM throughline.spans
WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  AND start_s >= tupleElement((
    SELECT (if(uniqExact(trace_id) < 1, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 1, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  ), 1)
  AND start_s <= tupleElement((
    SELECT (if(uniqExact(trace_id) < 1, toDateTime(0), min(first_s)), if(uniqExact(trace_id) < 1, toDateTime(toUInt32(4294967295)), max(first_s + length_s)))
    FROM throughline.trace_times WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  ), 2)
LIMIT 100001