/**
 * Columns of `spans` that most traces have nothing in, in groups. `trace_times` notes for each row which of them its
 * spans have something in (`rare`, a bit a group), so that a trace is read without the others: each column costs the
 * engine a quarter of a millisecond, whatever is in it. What a migration of `trace_times` left unknown counts as all.
 */
interface RareColumns {
  readonly bit: number;
  /** True of a span for which one of the columns is not at its default. */
  readonly condition: string;
  readonly columns: readonly string[];
}

/** Bits are stored: one that is in use never gets another meaning. */
const RARE_COLUMNS: readonly RareColumns[] = [
  {
    bit: 1,
    condition: 'notEmpty(ev_ns)',
    columns: ['ev_ns', 'ev_name', 'ev_dropped', 'ev_attr_n', 'ev_k', 'ev_v', 'ev_t'],
  },
  {
    bit: 2,
    condition: 'notEmpty(link_trace_id)',
    columns: [
      'link_trace_id',
      'link_span_id',
      'link_trace_state',
      'link_flags',
      'link_dropped',
      'link_attr_n',
      'link_k',
      'link_v',
      'link_t',
    ],
  },
  {
    bit: 4,
    condition:
      "status_message != '' OR trace_state != '' OR dropped_attributes > 0 OR dropped_events > 0 OR dropped_links > 0",
    columns: ['status_message', 'trace_state', 'dropped_attributes', 'dropped_events', 'dropped_links'],
  },
  {
    bit: 8,
    condition: "res_schema_url != '' OR scope_schema_url != ''",
    columns: ['res_schema_url', 'scope_schema_url'],
  },
  {
    bit: 16,
    condition: "notEmpty(scope_k) OR scope_dropped > 0 OR res_dropped > 0 OR res_entity_refs != ''",
    columns: ['scope_k', 'scope_v', 'scope_t', 'scope_dropped', 'res_dropped', 'res_entity_refs'],
  },
];

/** Every group has something, or may have. */
export const ALL_RARE = 255;

/** The bits of a span. */
export const RARE = RARE_COLUMNS.map(
  ({ bit, condition }) => `bitShiftLeft(toUInt8(${condition}), ${Math.log2(bit)})`,
).join(' + ');

/** The columns in which spans with these bits have nothing. */
export function emptyColumns(bits: number): ReadonlySet<string> {
  return new Set(RARE_COLUMNS.filter(({ bit }) => (bits & bit) === 0).flatMap(({ columns }) => columns));
}
