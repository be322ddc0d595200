/**
 * `spans` has one row a span; `migrations/` makes it. The attributes of a span, of its resource, of its scope, of its
 * events and of its links are each three parallel arrays, in the order sent: keys (`_k`), values as text (`_v`) and
 * value types (`_t`, an `AttributeType`). The attributes of all events (links) of a span are in one run of such arrays;
 * `ev_attr_n` (`link_attr_n`) says how many belong to each.
 *
 * `duration_ns` is end − start and may be negative: what was sent comes back.
 */
export const AttributeType = {
  /** No value at all (an AnyValue without a member); text ''. */
  empty: 0,
  /** Text is the string itself. */
  string: 1,
  /** `true` or `false`. */
  bool: 2,
  /** Decimal. */
  int: 3,
  /** The shortest decimal that reads back as the same double; `-0`, `NaN`, `Infinity`, `-Infinity`. */
  double: 4,
  /** The raw bytes. */
  bytes: 5,
  /** The OTLP JSON of the ArrayValue: `{"values":[…]}`. */
  array: 6,
  /** The OTLP JSON of the KeyValueList: `{"values":[…]}`. */
  kvlist: 7,
} as const;

/** The columns of `spans` that a span block writes, in this order; the store computes the others from them. */
export const SPAN_COLUMNS = [
  // First, so that it can be written into a block that stands already. Not a field of OTLP; see
  // `ingest/arrival-clock.ts`.
  ['arrival', 'UInt64'],
  ['trace_id', 'FixedString(16)'],
  ['span_id', 'FixedString(8)'],
  ['parent_span_id', 'FixedString(8)'],
  ['service', 'LowCardinality(String)'],
  ['name', 'LowCardinality(String)'],
  ['kind', 'UInt8'],
  ['status_code', 'UInt8'],
  ['status_message', 'String'],
  ['start_s', 'DateTime'],
  ['start_ns', 'Int64'],
  ['duration_ns', 'Int64'],
  ['trace_state', 'String'],
  ['flags', 'UInt32'],
  ['dropped_attributes', 'UInt32'],
  ['dropped_events', 'UInt32'],
  ['dropped_links', 'UInt32'],
  ['attrs_k', 'Array(LowCardinality(String))'],
  ['attrs_v', 'Array(String)'],
  ['attrs_t', 'Array(UInt8)'],
  ['res_k', 'Array(LowCardinality(String))'],
  // Few and often repeated, unlike those of spans.
  ['res_v', 'Array(LowCardinality(String))'],
  ['res_t', 'Array(UInt8)'],
  ['res_dropped', 'UInt32'],
  ['res_schema_url', 'LowCardinality(String)'],
  // The OTLP JSON of Resource.entity_refs, '' where there are none.
  ['res_entity_refs', 'LowCardinality(String)'],
  ['scope_name', 'LowCardinality(String)'],
  ['scope_version', 'LowCardinality(String)'],
  ['scope_k', 'Array(LowCardinality(String))'],
  ['scope_v', 'Array(String)'],
  ['scope_t', 'Array(UInt8)'],
  ['scope_dropped', 'UInt32'],
  ['scope_schema_url', 'LowCardinality(String)'],
  ['ev_ns', 'Array(Int64)'],
  ['ev_name', 'Array(LowCardinality(String))'],
  ['ev_dropped', 'Array(UInt32)'],
  ['ev_attr_n', 'Array(UInt32)'],
  ['ev_k', 'Array(LowCardinality(String))'],
  ['ev_v', 'Array(String)'],
  ['ev_t', 'Array(UInt8)'],
  ['link_trace_id', 'Array(FixedString(16))'],
  ['link_span_id', 'Array(FixedString(8))'],
  ['link_trace_state', 'Array(String)'],
  ['link_flags', 'Array(UInt32)'],
  ['link_dropped', 'Array(UInt32)'],
  ['link_attr_n', 'Array(UInt32)'],
  ['link_k', 'Array(LowCardinality(String))'],
  ['link_v', 'Array(String)'],
  ['link_t', 'Array(UInt8)'],
  // 1: its operation, 2: its service is beyond what rollups distinguish. Not a field of OTLP.
  ['rollup_other', 'UInt8'],
] as const;

/** What a span block holds of a span; when it came is kept beside it. */
export const SPAN_FIELDS = SPAN_COLUMNS.filter(([name]) => name !== 'arrival');

/** Whose attributes are looked at: a span's own, its resource's, its scope's, and those of its events. */
export const SEARCHED_ATTRIBUTES = ['attrs', 'res', 'scope', 'ev'] as const;

/**
 * A hash of each attribute's key and value, and of the key and each element of an array: the index `attribute_hashes`
 * is a filter over them, and answers for nothing but the very text that the newest migration of it has. The engine
 * finds an index by the names of functions and columns: it does not where the text has a literal or a CAST. What needs
 * these is in the column `element_hashes`, empty where there are no arrays.
 */
export const ATTRIBUTE_HASHES = `arrayConcat(${SEARCHED_ATTRIBUTES.map((of) => `arrayMap((k, v) -> cityHash64(k, v), ${of}_k, ${of}_v)`).join(', ')}, element_hashes)`;
