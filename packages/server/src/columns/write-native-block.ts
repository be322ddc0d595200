import { SPAN_COLUMNS } from '../storage/schema.ts';
import type { AttributeColumns } from './attribute-columns.ts';
import type { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import type { LowCardinalityColumn } from './low-cardinality-column.ts';
import { blockCounts, CountsAs, type RollupBounds } from './rollup-bounds.ts';
import type { SpanBlock } from './span-block.ts';

type ColumnName = (typeof SPAN_COLUMNS)[number][0];

/** What stands once in the block and is written for each span that refers to it: a resource or a scope. */
interface Shared {
  readonly attributes: AttributeColumns;
  /** Where each row's values end in `attributes.values`. */
  readonly valueEnds: Uint32Buffer;
}

/**
 * Appends the block in ClickHouse's Native format, as files hold it: the number of columns and of rows, then for each
 * column its name, its type and its values. A file may hold any number of blocks. Nothing is written for a block
 * without rows, nor for a column in which nothing stands: the store fills it with defaults, in each block for itself.
 * Without `bounds` every span counts as itself in the rollups.
 */
export function writeNativeBlock(
  block: SpanBlock,
  out: ByteBuffer,
  bounds: RollupBounds | null = null,
  arrival = 0,
): void {
  if (block.rowCount === 0) return;
  const absent = absentColumns(block);
  out.varint(SPAN_COLUMNS.length - absent.size);
  out.varint(block.rowCount);
  const writers = columnWriters(block, out, bounds, arrival);
  for (const [name, type] of SPAN_COLUMNS) {
    if (absent.has(name)) continue;
    text(out, name);
    text(out, type);
    writers[name]();
  }
}

/**
 * Those that have the default of their type in every row: most spans have no events, no links and nothing that was
 * dropped.
 */
function absentColumns({
  rowCount,
  statusMessages,
  traceStates,
  droppedAttributes,
  droppedEvents,
  droppedLinks,
  resources,
  scopes,
  events,
  links,
}: SpanBlock): ReadonlySet<ColumnName> {
  const absent = new Set<ColumnName>();
  const leaveOut = (isEmpty: boolean, ...names: ColumnName[]): void => {
    if (isEmpty) for (const name of names) absent.add(name);
  };
  leaveOut(statusMessages.length === rowCount, 'status_message');
  leaveOut(traceStates.length === rowCount, 'trace_state');
  leaveOut(isZero(droppedAttributes), 'dropped_attributes');
  leaveOut(isZero(droppedEvents), 'dropped_events');
  leaveOut(isZero(droppedLinks), 'dropped_links');
  leaveOut(isZero(resources.dropped), 'res_dropped');
  leaveOut(isEmptyText(resources.schemaUrls), 'res_schema_url');
  leaveOut(isEmptyText(resources.entityRefs), 'res_entity_refs');
  leaveOut(isZero(scopes.dropped), 'scope_dropped');
  leaveOut(isEmptyText(scopes.schemaUrls), 'scope_schema_url');
  leaveOut(scopes.attributes.count === 0, 'scope_k', 'scope_v', 'scope_t');
  leaveOut(events.count === 0, 'ev_ns', 'ev_name', 'ev_dropped', 'ev_attr_n', 'ev_k', 'ev_v', 'ev_t');
  leaveOut(
    links.count === 0,
    'link_trace_id',
    'link_span_id',
    'link_trace_state',
    'link_flags',
    'link_dropped',
    'link_attr_n',
    'link_k',
    'link_v',
    'link_t',
  );
  return absent;
}

function isZero({ items, length }: Uint32Buffer): boolean {
  for (let row = 0; row < length; row++) if (items[row] !== 0) return false;
  return true;
}

function isEmptyText({ entryCount, entries }: LowCardinalityColumn): boolean {
  return entryCount === 1 && entries.length === 1;
}

/** One for each column: a column that the schema gains does not compile without its writer. */
function columnWriters(
  block: SpanBlock,
  out: ByteBuffer,
  bounds: RollupBounds | null,
  arrival: number,
): Record<ColumnName, () => void> {
  const { attributes, events, links, resources, scopes, resourceOf, scopeOf } = block;
  const bytes = (column: ByteBuffer) => () => out.copy(column.bytes, 0, column.length);
  const words = (column: Uint32Buffer) => () => out.words(column);
  const array = (ends: Uint32Buffer, values: () => void) => () => {
    writeOffsets(out, ends);
    values();
  };
  const sharedWords = (column: Uint32Buffer, rowOf: Uint32Buffer) => () => writeSharedWords(out, column, rowOf);
  return {
    arrival: () => {
      const begin = out.length;
      out.uint64(arrival);
      out.repeat(begin, block.rowCount - 1);
    },
    trace_id: bytes(block.traceIds),
    span_id: bytes(block.spanIds),
    parent_span_id: bytes(block.parentSpanIds),
    service: () => writeSharedLowCardinality(out, resources.services, resourceOf),
    name: () => writeLowCardinality(out, block.names),
    kind: bytes(block.kinds),
    status_code: bytes(block.statusCodes),
    status_message: bytes(block.statusMessages),
    start_s: words(block.startSeconds),
    start_ns: words(block.startNs),
    duration_ns: words(block.durationNs),
    trace_state: bytes(block.traceStates),
    flags: words(block.flags),
    dropped_attributes: words(block.droppedAttributes),
    dropped_events: words(block.droppedEvents),
    dropped_links: words(block.droppedLinks),
    attrs_k: () => writeKeys(out, attributes),
    attrs_v: array(attributes.ends, bytes(attributes.values)),
    attrs_t: array(attributes.ends, bytes(attributes.types)),
    res_k: () => writeSharedKeys(out, resources, resourceOf),
    res_v: () => writeSharedDictionary(out, resources, resourceOf),
    res_t: () => writeSharedTypes(out, resources, resourceOf),
    res_dropped: sharedWords(resources.dropped, resourceOf),
    res_schema_url: () => writeSharedLowCardinality(out, resources.schemaUrls, resourceOf),
    res_entity_refs: () => writeSharedLowCardinality(out, resources.entityRefs, resourceOf),
    scope_name: () => writeSharedLowCardinality(out, scopes.names, scopeOf),
    scope_version: () => writeSharedLowCardinality(out, scopes.versions, scopeOf),
    scope_k: () => writeSharedKeys(out, scopes, scopeOf),
    scope_v: () => writeSharedValues(out, scopes, scopeOf),
    scope_t: () => writeSharedTypes(out, scopes, scopeOf),
    scope_dropped: sharedWords(scopes.dropped, scopeOf),
    scope_schema_url: () => writeSharedLowCardinality(out, scopes.schemaUrls, scopeOf),
    ev_ns: array(events.ends, words(events.ns)),
    ev_name: () => {
      writeLowCardinalityPrefix(out);
      writeOffsets(out, events.ends);
      writeIndexes(out, events.names);
    },
    ev_dropped: array(events.ends, words(events.dropped)),
    ev_attr_n: array(events.ends, words(events.attributeCounts)),
    ev_k: () => writeKeys(out, events.attributes),
    ev_v: array(events.attributes.ends, bytes(events.attributes.values)),
    ev_t: array(events.attributes.ends, bytes(events.attributes.types)),
    link_trace_id: array(links.ends, bytes(links.traceIds)),
    link_span_id: array(links.ends, bytes(links.spanIds)),
    link_trace_state: array(links.ends, bytes(links.traceStates)),
    link_flags: array(links.ends, words(links.flags)),
    link_dropped: array(links.ends, words(links.dropped)),
    link_attr_n: array(links.ends, words(links.attributeCounts)),
    link_k: () => writeKeys(out, links.attributes),
    link_v: array(links.attributes.ends, bytes(links.attributes.values)),
    link_t: array(links.attributes.ends, bytes(links.attributes.types)),
    rollup_other: () => writeRollupOther(out, block, bounds),
  };
}

function writeRollupOther(out: ByteBuffer, block: SpanBlock, bounds: RollupBounds | null): void {
  const { rowCount, names, resourceOf } = block;
  const view = out.room(rowCount);
  if (bounds === null) return;
  const { services } = block.resources;
  const countsAs = blockCounts(bounds, services, names);
  for (let row = 0; row < rowCount; row++) {
    const service = services.indexes.items[resourceOf.items[row] as number] as number;
    const counts = countsAs(service, names.indexes.items[row] as number);
    if (counts === CountsAs.itself) continue;
    view.setUint8(row, counts);
    bounds.noteOther();
  }
}

function text(out: ByteBuffer, value: string): void {
  const bytes = Buffer.from(value, 'latin1');
  out.string(bytes, 0, bytes.length);
}

/** An array column begins with the ends of its rows, 64 bits each. */
function writeOffsets(out: ByteBuffer, ends: Uint32Buffer): void {
  const view = out.room(ends.length * 8);
  // Most spans have no events and no links: the room is zeros already.
  if (ends.last() === 0) return;
  const { items, length } = ends;
  for (let row = 0; row < length; row++) view.setUint32(row * 8, items[row] as number, true);
}

/** Returns the number of items in all rows. */
function writeSharedOffsets(out: ByteBuffer, ends: Uint32Buffer, rowOf: Uint32Buffer): number {
  const view = out.room(rowOf.length * 8);
  let end = 0;
  let row = 0;
  eachRun(rowOf, (shared, rows) => {
    const items = ends.at(shared) - ends.at(shared - 1);
    for (const stop = row + rows; row < stop; row++) {
      end += items;
      view.setUint32(row * 8, end, true);
    }
  });
  return end;
}

function writeSharedWords(out: ByteBuffer, column: Uint32Buffer, rowOf: Uint32Buffer): void {
  const view = out.room(rowOf.length * 4);
  let row = 0;
  eachRun(rowOf, (shared, rows) => {
    const word = column.at(shared);
    for (const stop = row + rows; row < stop; row++) view.setUint32(row * 4, word, true);
  });
}

/** Calls back for each resource or scope with the number of spans that follow each other and share it. */
function eachRun(rowOf: Uint32Buffer, write: (shared: number, rows: number) => void): void {
  const { items, length } = rowOf;
  for (let row = 0; row < length;) {
    const shared = items[row] as number;
    const begin = row;
    while (row < length && items[row] === shared) row += 1;
    write(shared, row - begin);
  }
}

/** SharedDictionariesWithAdditionalKeys; it comes before the offsets of an array. */
function writeLowCardinalityPrefix(out: ByteBuffer): void {
  out.uint64(1);
}

function writeLowCardinality(out: ByteBuffer, column: LowCardinalityColumn): void {
  writeLowCardinalityPrefix(out);
  writeIndexes(out, column);
}

function writeSharedLowCardinality(out: ByteBuffer, column: LowCardinalityColumn, rowOf: Uint32Buffer): void {
  writeLowCardinalityPrefix(out);
  const { items } = column.indexes;
  const type = writeDictionary(out, column, rowOf.length);
  eachRun(rowOf, (shared, rows) => {
    const begin = out.length;
    writeNumbers(out, items, shared, shared + 1, type);
    out.repeat(begin, rows - 1);
  });
}

function writeKeys(out: ByteBuffer, attributes: AttributeColumns): void {
  writeLowCardinalityPrefix(out);
  writeOffsets(out, attributes.ends);
  writeIndexes(out, attributes.keys);
}

function writeSharedKeys(out: ByteBuffer, { attributes }: Shared, rowOf: Uint32Buffer): void {
  const { ends, keys } = attributes;
  writeLowCardinalityPrefix(out);
  const count = writeSharedOffsets(out, ends, rowOf);
  // Nothing follows the offsets where no row has an item.
  if (count === 0) return;
  const type = writeDictionary(out, keys, count);
  eachRun(rowOf, (shared, rows) => {
    const begin = out.length;
    writeNumbers(out, keys.indexes.items, ends.at(shared - 1), ends.at(shared), type);
    out.repeat(begin, rows - 1);
  });
}

function writeSharedValues(out: ByteBuffer, { attributes, valueEnds }: Shared, rowOf: Uint32Buffer): void {
  writeSharedOffsets(out, attributes.ends, rowOf);
  writeSharedBytes(out, attributes.values, valueEnds, rowOf);
}

/** Every value of every resource is an entry of its own, in their order. */
function writeSharedDictionary(out: ByteBuffer, { attributes }: Shared, rowOf: Uint32Buffer): void {
  writeLowCardinalityPrefix(out);
  const { ends, values, count: entryCount } = attributes;
  const count = writeSharedOffsets(out, ends, rowOf);
  if (count === 0) return;
  const type = writeDictionary(out, { entries: values, entryCount }, count);
  eachRun(rowOf, (shared, rows) => {
    const begin = out.length;
    const start = ends.at(shared - 1);
    const items = Uint32Array.from({ length: ends.at(shared) - start }, (_, at) => start + at);
    writeNumbers(out, items, 0, items.length, type);
    out.repeat(begin, rows - 1);
  });
}

function writeSharedTypes(out: ByteBuffer, { attributes }: Shared, rowOf: Uint32Buffer): void {
  writeSharedOffsets(out, attributes.ends, rowOf);
  writeSharedBytes(out, attributes.types, attributes.ends, rowOf);
}

function writeSharedBytes(out: ByteBuffer, column: ByteBuffer, ends: Uint32Buffer, rowOf: Uint32Buffer): void {
  eachRun(rowOf, (shared, rows) => {
    const begin = out.length;
    out.copy(column.bytes, ends.at(shared - 1), ends.at(shared));
    out.repeat(begin, rows - 1);
  });
}

/** The dictionary and the rows' numbers in it; nothing where there are no rows. */
function writeIndexes(out: ByteBuffer, column: LowCardinalityColumn): void {
  const { items, length } = column.indexes;
  if (length === 0) return;
  writeNumbers(out, items, 0, length, writeDictionary(out, column, length));
}

/** Bits of the word before the dictionary: it carries its own keys, and they replace those of the block before. */
const HAS_ADDITIONAL_KEYS = 1 << 9;
const NEEDS_UPDATE = 1 << 10;

/** Strings, each as a length and its bytes; one may stand there more than once. */
type Dictionary = Pick<LowCardinalityColumn, 'entries' | 'entryCount'>;

/** The power of two of a number's bytes: UInt8, UInt16 or UInt32. */
type NumberType = 0 | 1 | 2;

/** Writes everything before the rows' numbers and returns their type, which is as narrow as the dictionary allows. */
function writeDictionary(out: ByteBuffer, { entries, entryCount }: Dictionary, rows: number): NumberType {
  const type = entryCount <= 0x100 ? 0 : entryCount <= 0x1_0000 ? 1 : 2;
  out.uint64(type | HAS_ADDITIONAL_KEYS | NEEDS_UPDATE);
  out.uint64(entryCount);
  out.copy(entries.bytes, 0, entries.length);
  out.uint64(rows);
  return type;
}

function writeNumbers(out: ByteBuffer, numbers: Uint32Array, start: number, end: number, type: NumberType): void {
  const count = end - start;
  out.reserve(count << type);
  const { bytes, view, length } = out;
  if (type === 0) for (let item = 0; item < count; item++) bytes[length + item] = numbers[start + item] as number;
  else if (type === 1) {
    for (let item = 0; item < count; item++) view.setUint16(length + item * 2, numbers[start + item] as number, true);
  } else {
    for (let item = 0; item < count; item++) view.setUint32(length + item * 4, numbers[start + item] as number, true);
  }
  out.length = length + (count << type);
}
