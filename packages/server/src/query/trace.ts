import type { InstrumentationScope, Resource, ResourceSpans, ScopeSpans, TracesData } from '@throughline/trace';
import type { MissingShards } from '../storage/engine.ts';
import { emptyColumns } from '../storage/rollups/rare-columns.ts';
import { SPAN_FIELDS } from '../storage/schema.ts';
import { ALL_COUNTED, type SpanView } from '../storage/span-visibility.ts';
import { sqlHex, sqlInt64 } from '../storage/sql.ts';
import type { Tables } from '../storage/tables.ts';
import { storedAttributes, rowAttributes } from './stored-attributes.ts';
import { NativeBlock } from './native-columns.ts';
import { defaultColumn, readNative } from './native-reader.ts';
import type { QueryContext } from './rows.ts';
import { EngineError, queryBytes, queryRows, ShardAwayError, unlessAborted, where, withView } from './rows.ts';
import { SpanReader } from './span-reader.ts';
import { countedSource, spanSources, uncountedSources, type SpanSource } from './span-sources.ts';
import { ofTracesIn } from './trace-summary.ts';
import { secondsOf, timesOfTraces, type Seconds, type TraceTimes } from './trace-times.ts';

export interface StoredTrace {
  /** Spans by start time within their scope; resources and scopes by their first span. */
  readonly data: TracesData;
  /** The spans in `data`. */
  readonly spanCount: number;
  /** The rows that are not in `data` because a sender's repeat had stored the very same span before. */
  readonly repeatedSpanCount: number;
  /** The rows that are stored of it. */
  readonly storedSpanCount: number;
  /** True when it is larger than `traceSpansMax` or `traceBytesMax`; `data` has the first spans by start time. */
  readonly truncated: boolean;
}

/** The rows of a trace as the engine answers them: Native, in no order. */
export interface TraceRows {
  readonly answers: readonly Uint8Array[];
  /** More rows than this, in the order of start and span id, are omitted. */
  readonly rowsMax: number;
  /** The rows that are stored of it. */
  readonly storedSpanCount: number;
}

/** Reads one trace, `traceId` in hex. Null when no span of it has come. */
export async function findTrace(context: QueryContext, traceId: string): Promise<StoredTrace | null> {
  const rows = await findTraceRows(context, traceId);
  return rows === null ? null : assembleTrace(rows);
}

/**
 * Asks for the rows of one trace; null when no span of it has come. Where as many are stored as are known already,
 * those are `as_known`, and are not read.
 */
export function findTraceRows(context: QueryContext, traceId: string): Promise<TraceRows | null>;
export function findTraceRows(
  context: QueryContext,
  traceId: string,
  knownSpanCount: number | null,
): Promise<TraceRows | 'as_known' | null>;
export async function findTraceRows(
  context: QueryContext,
  traceId: string,
  knownSpanCount: number | null = null,
): Promise<TraceRows | 'as_known' | null> {
  const { visibility = ALL_COUNTED, signal } = context;
  return onItsShard(context, traceId, async (asked) => {
    const rows = await lookForTrace(asked, traceId, knownSpanCount);
    // Whoever has just sent it need not query twice.
    if (rows !== null || !(await unlessAborted(visibility.pendingPublished(), signal))) return rows;
    return lookForTrace(asked, traceId, knownSpanCount);
  });
}

/**
 * What is known of one trace is on one shard: the answer is whole while that one answers, whichever others do not. It
 * is partial where others have spans of it from before shards were added. Rejects with `ShardAwayError` where its shard
 * is away and nothing is found.
 */
async function onItsShard<T>(
  context: QueryContext,
  traceId: string,
  ask: (context: QueryContext) => Promise<T | null>,
): Promise<T | null> {
  const { onPartial } = context;
  if (onPartial === undefined) return ask(context);
  const without: MissingShards[] = [];
  const found = await ask({ ...context, onPartial: (missing) => void without.push(missing) });
  const missing = without.at(-1);
  if (missing === undefined || !(await missing.lacksTrace(traceId))) return found;
  if (found === null) throw new ShardAwayError(traceId, missing);
  onPartial(missing);
  return found;
}

function lookForTrace(
  context: QueryContext,
  traceId: string,
  knownSpanCount: number | null,
): Promise<TraceRows | 'as_known' | null> {
  return withView(context, async (view) => {
    // When it was is read on its own: to analyse the statement for its spans takes several times longer.
    const parts = partsOf(context.engine.tables, view, await timesOfTraces(context, [traceId]));
    if (parts.length === 0) return null;
    if (knownSpanCount !== null && (await countRows(context, parts, traceId)) === knownSpanCount) return 'as_known';
    const rows = await readRows(context, parts, traceId);
    // Retention may have been faster.
    return rows.storedSpanCount === 0 ? null : rows;
  });
}

/** Where spans of a trace are, each of them in one part. */
export interface TracePart {
  readonly source: SpanSource;
  /** The seconds in which they start; of those that are fresh nothing is known. */
  readonly within: readonly Seconds[];
  /** Columns in which they have nothing. */
  readonly empty: ReadonlySet<string>;
}

const NOTHING_KNOWN: ReadonlySet<string> = new Set();

function partsOf(tables: Tables, view: SpanView, counted: TraceTimes | null): TracePart[] {
  if (view.uncounted?.hasLate === true) {
    const within = secondsOf(view, counted);
    return spanSources(tables, view).map((source) => ({ source, within, empty: NOTHING_KNOWN }));
  }
  const uncounted = view.uncounted === null ? [] : [view.uncounted.seconds];
  return [
    ...(counted === null
      ? []
      : [{ source: countedSource(tables, view), within: [counted.seconds], empty: emptyColumns(counted.rare) }]),
    ...uncountedSources(tables, view).map((source) => ({ source, within: uncounted, empty: NOTHING_KNOWN })),
  ];
}

/** Takes a time that is proportional to the bytes: some 20 ms a megabyte. */
export function assembleTrace({ answers, rowsMax, storedSpanCount }: TraceRows): StoredTrace {
  const rows = rowsOf(answers.flatMap((answer) => readNative(answer).map(withAllColumns))).slice(0, rowsMax);
  const once = withoutRepeats(rows);
  return {
    data: groupSpans(once),
    spanCount: once.length,
    repeatedSpanCount: rows.length - once.length,
    storedSpanCount,
    truncated: rows.length < storedSpanCount,
  };
}

/** The spans of several traces that were read together, by trace; in no order of the traces. */
export function assembleTraces(answers: readonly Uint8Array[]): Map<string, TracesData> {
  const rowsByTrace = new Map<string, Row[]>();
  for (const row of rowsOf(answers.flatMap((answer) => readNative(answer).map(withAllColumns)))) {
    const traceId = row.block.strings('trace_id').hex(row.index);
    const rows = rowsByTrace.get(traceId);
    if (rows === undefined) rowsByTrace.set(traceId, [row]);
    else rows.push(row);
  }
  return new Map(Array.from(rowsByTrace, ([traceId, rows]) => [traceId, groupSpans(withoutRepeats(rows))]));
}

async function readRows(context: QueryContext, parts: readonly TracePart[], traceId: string): Promise<TraceRows> {
  const { traceSpansMax, traceBytesMax, traceInlineBytesMax } = context.limits;
  try {
    const answers = await readParts(context, parts, (part) => traceSql(part, traceId, traceSpansMax + 1));
    const bytes = bytesOf(answers);
    if (bytes <= traceBytesMax) {
      // To count the rows of a large answer takes the event loop longer than the engine.
      const storedSpanCount =
        bytes <= traceInlineBytesMax ? rowCountOf(answers) : await countRows(context, parts, traceId);
      if (storedSpanCount <= traceSpansMax) return { answers, rowsMax: traceSpansMax, storedSpanCount };
    }
  } catch (error) {
    // Spans of many megabytes may take more memory than a query gets. Whether it was that is measured below.
    if (!(error instanceof EngineError) || error.code === 'timeout') throw error;
  }
  // Spans are measured first only where there are too many to be read at once: it is a second look at all of them.
  const sizes = await findSpanSizes(context, parts, traceId);
  const fitting = Math.min(traceSpansMax, Math.max(1, countWithin(sizes, traceBytesMax)));
  const answers = await readParts(context, parts, (part) => traceSql(part, traceId, fitting, sizes[fitting - 1]));
  return { answers, rowsMax: fitting, storedSpanCount: sizes.length };
}

export function bytesOf(answers: readonly Uint8Array[]): number {
  return answers.reduce((sum, { length }) => sum + length, 0);
}

function rowCountOf(answers: readonly Uint8Array[]): number {
  return answers.flatMap((answer) => readNative(answer)).reduce((sum, { rowCount }) => sum + rowCount, 0);
}

async function countRows(context: QueryContext, parts: readonly TracePart[], traceId: string): Promise<number> {
  const rows = await Promise.all(parts.map((part) => queryRows(context, rowCountSql(part, traceId))));
  return rows.flat().reduce((sum, row) => sum + row.number(0), 0);
}

function readParts(
  context: QueryContext,
  parts: readonly TracePart[],
  sqlOf: (part: TracePart) => string,
): Promise<Uint8Array[]> {
  return Promise.all(parts.map((part) => queryBytes(context, sqlOf(part), 'Native')));
}

/** Where a span stands among those of its trace, and the bytes of its row. */
interface SpanSize {
  readonly startNs: bigint;
  /** Hex. */
  readonly spanId: string;
  readonly bytes: number;
}

async function findSpanSizes(context: QueryContext, parts: readonly TracePart[], traceId: string): Promise<SpanSize[]> {
  const rows = await Promise.all(parts.map((part) => queryRows(context, spanSizesSql(part, traceId))));
  return rows
    .flat()
    .map((row) => ({ startNs: row.bigint(0), spanId: row.text(1), bytes: row.number(2) }))
    .toSorted(byStartAndId);
}

/** How many of the first spans come to no more than `bytesMax` together. */
function countWithin(sizes: readonly SpanSize[], bytesMax: number): number {
  let sum = 0;
  const first = sizes.findIndex(({ bytes }) => (sum += bytes) > bytesMax);
  return first === -1 ? sizes.length : first;
}

/** The bytes of each span of a trace. Not in order: the engine would sort the spans before it measures them. */
export function spanSizesSql(part: TracePart, traceId: string): string {
  return `SELECT toString(start_ns), lower(hex(span_id)), byteSize(${READ_COLUMNS_STORED.join(', ')})
FROM ${part.source.table}
${where(conditionsOf(part, [traceId]))}`;
}

/** How many rows of a trace are stored. */
export function rowCountSql(part: TracePart, traceId: string): string {
  return `SELECT count()
FROM ${part.source.table}
${where(conditionsOf(part, [traceId]))}`;
}

function conditionsOf({ source, within }: TracePart, traceIds: readonly string[]): string[] {
  return [...source.conditions, ...ofTracesIn(source.kind, traceIds, within)];
}

/**
 * The spans of a trace up to this one, in no order: sorting whole spans takes the engine several times their memory.
 */
export function traceSql(
  part: TracePart,
  traceId: string,
  rowsMax: number,
  last?: Pick<SpanSize, 'startNs' | 'spanId'>,
): string {
  const upTo = last === undefined ? [] : [`(start_ns, span_id) <= (${sqlInt64(last.startNs)}, ${sqlHex(last.spanId)})`];
  return spansSql(part, [...conditionsOf(part, [traceId]), ...upTo], rowsMax);
}

/** The spans of several traces, in no order; `assembleTraces` takes them apart. */
export function tracesSql(part: TracePart, traceIds: readonly string[], rowsMax: number): string {
  return spansSql(part, conditionsOf(part, traceIds), rowsMax);
}

function spansSql({ source, empty }: TracePart, conditions: readonly string[], rowsMax: number): string {
  const columns = READ.filter(([name]) => !empty.has(name)).map(([name]) => READ_COLUMNS.get(name));
  return `SELECT ${columns.join(', ')}
FROM ${source.table}
${where(conditions)}
LIMIT ${rowsMax}`;
}

/** The seconds repeat the nanoseconds; when a span came, and what rollups make of it, is no part of it. */
const READ = SPAN_FIELDS.filter(([name]) => name !== 'start_s' && name !== 'rollup_other');

const READ_COLUMNS_STORED = READ.map(([name]) => name);

/** Dictionaries are cast to plain values for the Native reader. */
const READ_COLUMNS = new Map<string, string>(
  READ.map(([name, type]) => {
    const plain = type.replace(/LowCardinality\((.*?)\)/, '$1');
    return [name, plain === type ? name : `CAST(${name} AS ${plain}) AS ${name}`];
  }),
);

/** With those that were not read, in one order: a span and its repeat may be in different parts. */
function withAllColumns({ rowCount, columns }: NativeBlock): NativeBlock {
  const all = READ.map(([name, type]) => [name, columns.get(name) ?? defaultColumn(type, rowCount)] as const);
  return new NativeBlock(rowCount, new Map(all));
}

interface Row {
  readonly block: NativeBlock;
  readonly index: number;
  readonly startNs: bigint;
  /** Hex. */
  readonly spanId: string;
}

/** In the order of start and span id. */
function rowsOf(blocks: readonly NativeBlock[]): Row[] {
  return blocks
    .flatMap((block) => {
      const starts = block.bigints('start_ns');
      const spanIds = block.strings('span_id');
      return Array.from({ length: block.rowCount }, (_, index) => ({
        block,
        index,
        startNs: starts.at(index),
        spanId: spanIds.hex(index),
      }));
    })
    .toSorted(byStartAndId);
}

type Position = Pick<Row, 'startNs' | 'spanId'>;

function byStartAndId(a: Position, b: Position): number {
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  return a.spanId < b.spanId ? -1 : Number(a.spanId > b.spanId);
}

/** Repeats are equal in every column, so they stand side by side in the order of start and span id. */
function withoutRepeats(rows: readonly Row[]): Row[] {
  const once: Row[] = [];
  for (let from = 0, to = 0; from < rows.length; from = to) {
    const first = rows[from] as Row;
    for (to = from + 1; to < rows.length && byStartAndId(first, rows[to] as Row) === 0;) to++;
    const alike = rows.slice(from, to);
    // Whole rows are compared only where several share their id and start, which is rare.
    for (const row of alike.length === 1 ? alike : distinct(alike)) once.push(row);
  }
  return once;
}

function distinct(rows: readonly Row[]): Iterable<Row> {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const key = rowKey(row, row.block.columns.keys());
    if (!byKey.has(key)) byKey.set(key, row);
  }
  return byKey.values();
}

/** Equal for two rows exactly when their values in these columns are equal. */
function rowKey({ block, index }: Row, columns: Iterable<string>): string {
  let key = '';
  for (const name of columns) key += block.columns.get(name)?.rangeKey(index, index + 1);
  return key;
}

const RESOURCE_COLUMNS = ['res_k', 'res_v', 'res_t', 'res_dropped', 'res_schema_url', 'res_entity_refs'];
const SCOPE_COLUMNS = [
  'scope_name',
  'scope_version',
  'scope_k',
  'scope_v',
  'scope_t',
  'scope_dropped',
  'scope_schema_url',
];

/**
 * Puts the spans of equal resources, and within them of equal scopes, together, as an exporter would have sent them.
 */
function groupSpans(rows: readonly Row[]): TracesData {
  const resources = new Map<string, { resourceSpans: ResourceSpans; scopes: Map<string, ScopeSpans> }>();
  const readers = new Map<NativeBlock, SpanReader>();
  for (const row of rows) {
    const resourceKey = rowKey(row, RESOURCE_COLUMNS);
    let group = resources.get(resourceKey);
    if (group === undefined) {
      group = { resourceSpans: readResource(row), scopes: new Map() };
      resources.set(resourceKey, group);
    }
    const scopeKey = rowKey(row, SCOPE_COLUMNS);
    let scopeSpans = group.scopes.get(scopeKey);
    if (scopeSpans === undefined) {
      scopeSpans = readScope(row);
      group.scopes.set(scopeKey, scopeSpans);
      group.resourceSpans.scopeSpans.push(scopeSpans);
    }
    let reader = readers.get(row.block);
    if (reader === undefined) {
      reader = new SpanReader(row.block);
      readers.set(row.block, reader);
    }
    scopeSpans.spans.push(reader.read(row.index));
  }
  return { resourceSpans: Array.from(resources.values(), ({ resourceSpans }) => resourceSpans) };
}

function readResource({ block, index }: Row): ResourceSpans {
  const attributes = rowAttributes(storedAttributes(block, 'res'), index);
  const droppedAttributesCount = block.ints('res_dropped').at(index);
  const entityRefs = block.strings('res_entity_refs').text(index);
  const schemaUrl = block.strings('res_schema_url').text(index);
  const resource: Resource = {
    ...(attributes.length > 0 && { attributes }),
    ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
    ...(entityRefs !== '' && { entityRefs: JSON.parse(entityRefs) as NonNullable<Resource['entityRefs']> }),
  };
  return { ...(!isEmpty(resource) && { resource }), scopeSpans: [], ...(schemaUrl !== '' && { schemaUrl }) };
}

function readScope({ block, index }: Row): ScopeSpans {
  const name = block.strings('scope_name').text(index);
  const version = block.strings('scope_version').text(index);
  const attributes = rowAttributes(storedAttributes(block, 'scope'), index);
  const droppedAttributesCount = block.ints('scope_dropped').at(index);
  const schemaUrl = block.strings('scope_schema_url').text(index);
  const scope: InstrumentationScope = {
    ...(name !== '' && { name }),
    ...(version !== '' && { version }),
    ...(attributes.length > 0 && { attributes }),
    ...(droppedAttributesCount > 0 && { droppedAttributesCount }),
  };
  return { ...(!isEmpty(scope) && { scope }), spans: [], ...(schemaUrl !== '' && { schemaUrl }) };
}

function isEmpty(message: object): boolean {
  return Object.keys(message).length === 0;
}
