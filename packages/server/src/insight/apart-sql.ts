import { where } from '../query/rows.ts';
import { fieldConditions, tagConditions, type SpanFilter } from '../query/span-filter.ts';
import { SPAN_DURATION, type SpanSource } from '../query/span-sources.ts';
import { sqlHex, sqlInt64 } from '../storage/sql.ts';
import { ofTraces, rangeConditions } from './window-sql.ts';
import type { TimeWindow } from './window-slices.ts';

/** Spans: all of it holds for one and the same span. Without a service only those without a parent are meant. */
export interface Selection extends SpanFilter {
  /** Of the span, in nanoseconds, both included; null is open. */
  readonly minDurationNs: bigint | null;
  readonly maxDurationNs: bigint | null;
}

/** What is asked: a selection, and what it is held against. */
export interface Selections {
  readonly window: TimeWindow;
  readonly selection: Selection;
  /** Null for all other spans of the same service and operation. */
  readonly others: Selection | null;
  /** Whether the table has hashes of the elements of arrays. */
  readonly hasHashes: boolean;
}

/** Shares of the traces that are read of both. */
export interface SelectionShares {
  readonly selected: number;
  readonly others: number;
}

/** In bytes; a longer value is not one that people would look for. */
const VALUE_LENGTH_MAX = 200;
/** Of `attrs_t`: neither bytes nor arrays nor maps. */
const SCALAR_TYPE_MAX = 4;
const ROWS_MAX_PER_REQUEST = 4;

const HAS_NO_PARENT = `parent_span_id = ${sqlHex('0'.repeat(16))}`;

/** How many spans are selected, and how many are not. */
export function selectionCountSql({ table, conditions }: SpanSource, asked: Selections): string {
  const { isSelected, among } = conditionsOf(asked);
  return `SELECT countIf(${isSelected}), countIf(NOT (${isSelected}))
FROM ${table}
${where([...conditions, ...rangeConditions(asked.window), ...among])}`;
}

/** The attributes of a share of both, and of their resources. */
export function selectionSql(
  source: SpanSource,
  asked: Selections,
  shares: SelectionShares,
  requestsMax: number,
): string {
  const { isSelected } = conditionsOf(asked);
  return `SELECT trace_id, span_id, toUInt8(${isSelected}) AS is_selected, ${ATTRIBUTES}
FROM ${source.table}
${where(sampleConditions(source, asked, shares))}
LIMIT ${2 * ROWS_MAX_PER_REQUEST * requestsMax}`;
}

/** The attributes of the roots of the same traces, as far as they begin so long before the window, or in it. */
export function rootsSql(
  source: SpanSource,
  everywhere: readonly SpanSource[],
  asked: Selections,
  shares: SelectionShares,
  { leadNs, requestsMax }: { readonly leadNs: bigint; readonly requestsMax: number },
): string {
  const { window } = asked;
  const range = { ...window, fromUnixNano: window.fromUnixNano > leadNs ? window.fromUnixNano - leadNs : 0n };
  const traces = everywhere.map(
    (each) => `SELECT trace_id FROM ${each.table}\n  ${where(sampleConditions(each, asked, shares))}`,
  );
  return `SELECT trace_id, ${ATTRIBUTES}
FROM ${source.table}
${where([...source.conditions, ...rangeConditions(range), HAS_NO_PARENT])}
  AND trace_id IN (
  ${traces.join('\n  UNION ALL\n  ')}
)
LIMIT ${2 * ROWS_MAX_PER_REQUEST * requestsMax}`;
}

function sampleConditions({ conditions }: SpanSource, asked: Selections, shares: SelectionShares): string[] {
  const { isSelected, among } = conditionsOf(asked);
  const ofBoth =
    shares.selected >= 1 && shares.others >= 1
      ? []
      : [`if(${isSelected}, ${isSampled(shares.selected)}, ${isSampled(shares.others)})`];
  // Both take the same traces by ID, as far as the smaller share goes.
  const most = Math.max(shares.selected, shares.others);
  return [...conditions, ...rangeConditions(asked.window), ...ofTraces(most), ...among, ...ofBoth];
}

function isSampled(share: number): string {
  return ofTraces(share)[0] ?? '1';
}

function conditionsOf({ selection, others, hasHashes }: Selections): { isSelected: string; among: string[] } {
  const selected = [...ofOperation(selection), ...ofRest(selection, hasHashes)];
  const isSelected = all(selected);
  if (others === null) return { isSelected: all(ofRest(selection, hasHashes)), among: ofOperation(selection) };
  const isOther = all([...ofOperation(others), ...ofRest(others, hasHashes)]);
  return { isSelected, among: [`(${isSelected} OR ${isOther})`] };
}

/** Service and operation: what a selection has in common with all that it is held against. */
function ofOperation(filter: Selection): string[] {
  return [
    ...(filter.service === null ? [HAS_NO_PARENT] : []),
    ...fieldConditions({ service: filter.service, operation: filter.operation, status: null, tags: [] }),
  ];
}

/** What sets it apart. */
function ofRest({ status, tags, minDurationNs, maxDurationNs }: Selection, hasHashes: boolean): string[] {
  return [
    ...fieldConditions({ service: null, operation: null, status, tags: [] }),
    ...(minDurationNs === null ? [] : [`${SPAN_DURATION} >= ${sqlInt64(minDurationNs)}`]),
    ...(maxDurationNs === null ? [] : [`${SPAN_DURATION} <= ${sqlInt64(maxDurationNs)}`]),
    ...tagConditions({ tags }, hasHashes),
  ];
}

function all(conditions: readonly string[]): string {
  return conditions.length === 0 ? '1' : `(${conditions.join(' AND ')})`;
}

/** Those of the span, and of its resource. */
const ATTRIBUTES = (['attrs', 'res'] as const)
  .map((of) => {
    const isKept = `length(v) <= ${VALUE_LENGTH_MAX} AND t > 0 AND t <= ${SCALAR_TYPE_MAX}`;
    const [keys, values] = [`CAST(${of}_k, 'Array(String)')`, `CAST(${of}_v, 'Array(String)')`];
    return `arrayFilter((k, v, t) -> ${isKept}, ${keys}, ${values}, ${of}_t) AS ${of}_keys,
  arrayFilter((v, t) -> ${isKept}, ${values}, ${of}_t) AS ${of}_values`;
  })
  .join(',\n  ');
