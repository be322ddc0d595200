/**
 * Tags of opentelemetry-proto's `trace/v1/trace.proto` and `collector/trace/v1/trace_service.proto`, named
 * message by message: field number · 8 + wire type.
 */
export const REQUEST_RESOURCE_SPANS = 0x0a;
export const RESOURCE_SPANS_RESOURCE = 0x0a;
export const RESOURCE_SPANS_SCOPE_SPANS = 0x12;
export const RESOURCE_SPANS_SCHEMA_URL = 0x1a;
export const RESOURCE_ATTRIBUTES = 0x0a;
export const SCOPE_SPANS_SCOPE = 0x0a;
export const SCOPE_SPANS_SPANS = 0x12;
export const SCOPE_SPANS_SCHEMA_URL = 0x1a;
export const SCOPE_NAME = 0x0a;
export const SCOPE_VERSION = 0x12;
export const SCOPE_ATTRIBUTES = 0x1a;
export const SCOPE_DROPPED_ATTRIBUTES = 0x20;
export const SPAN_TRACE_ID = 0x0a;
export const SPAN_SPAN_ID = 0x12;
export const SPAN_TRACE_STATE = 0x1a;
export const SPAN_PARENT_SPAN_ID = 0x22;
export const SPAN_NAME = 0x2a;
export const SPAN_KIND = 0x30;
export const SPAN_START_TIME = 0x39;
export const SPAN_END_TIME = 0x41;
export const SPAN_ATTRIBUTES = 0x4a;
export const SPAN_DROPPED_ATTRIBUTES = 0x50;
export const SPAN_EVENTS = 0x5a;
export const SPAN_DROPPED_EVENTS = 0x60;
export const SPAN_LINKS = 0x6a;
export const SPAN_DROPPED_LINKS = 0x70;
export const SPAN_STATUS = 0x7a;
/** Field 16 takes two bytes: 133 as a varint. */
export const SPAN_FLAGS = [0x85, 0x01] as const;
export const EVENT_TIME = 0x09;
export const EVENT_NAME = 0x12;
export const EVENT_ATTRIBUTES = 0x1a;
export const EVENT_DROPPED_ATTRIBUTES = 0x20;
export const LINK_TRACE_ID = 0x0a;
export const LINK_SPAN_ID = 0x12;
export const LINK_TRACE_STATE = 0x1a;
export const LINK_ATTRIBUTES = 0x22;
export const LINK_DROPPED_ATTRIBUTES = 0x28;
export const LINK_FLAGS = 0x35;
export const STATUS_MESSAGE = 0x12;
export const STATUS_CODE = 0x18;
