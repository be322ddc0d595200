SELECT toString(start_ns), lower(hex(span_id)), byteSize(trace_id, span_id, parent_span_id, service, name, kind, status_code, status_message, start_ns, duration_ns, trace_state, flags, dropped_attributes, dropped_events, dropped_links, attrs_k, attrs_v, attrs_t, res_k, res_v, res_t, res_dropped, res_schema_url, res_entity_refs, scope_name, scope_version, scope_k, scope_v, scope_t, scope_dropped, scope_schema_url, ev_ns, ev_name, ev_dropped, ev_attr_n, ev_k, ev_v, ev_t, link_trace_id, link_span_id, link_trace_state, link_flags, link_dropped, link_attr_n, link_k, link_v, link_t)
FROM throughline.spans
WHERE trace_id IN ('\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab')
  AND start_s >= toDateTime(toUInt32(1700000000))
  AND start_s <= toDateTime(toUInt32(1700000010))