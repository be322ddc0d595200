import { endOfString, type AttributeColumns } from './attribute-columns.ts';
import type { EventColumns, LinkColumns } from './event-columns.ts';
import type { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import type { BlockLimits } from './limits.ts';
import type { LowCardinalityColumn } from './low-cardinality-column.ts';
import type { ResourceColumns, ScopeColumns } from './resource-columns.ts';
import { SpanBlock } from './span-block.ts';

/**
 * Takes a block apart, from its first row on: for when what many requests share cannot be written, and each has to be
 * written alone. It is as slow as decoding was, and changes nothing of the block.
 */
export class BlockParts {
  readonly #block: SpanBlock;
  readonly #seed: number;
  readonly #limits: BlockLimits;
  #row = 0;
  /** How far each column of strings, whose lengths stand among them, has been read. */
  readonly #readBytes = new Map<ByteBuffer, number>();

  constructor(block: SpanBlock, seed: number, limits: BlockLimits) {
    this.#block = block;
    this.#seed = seed;
    this.#limits = limits;
  }

  /** The next rows as a block of their own, to be written and to nothing else. */
  take(rows: number): SpanBlock {
    const from = this.#block;
    const to = new SpanBlock(this.#seed, this.#limits);
    const start = this.#row;
    const end = start + rows;
    this.#row = end;
    copyItems(from.traceIds, to.traceIds, start, end, 16);
    copyItems(from.spanIds, to.spanIds, start, end, 8);
    copyItems(from.parentSpanIds, to.parentSpanIds, start, end, 8);
    copyEntries(from.names, to.names, start, end);
    copyItems(from.kinds, to.kinds, start, end, 1);
    copyItems(from.statusCodes, to.statusCodes, start, end, 1);
    this.#copyStrings(from.statusMessages, to.statusMessages, rows);
    copyWords(from.startSeconds, to.startSeconds, start, end);
    copyWords(from.startNs, to.startNs, start * 2, end * 2);
    copyWords(from.durationNs, to.durationNs, start * 2, end * 2);
    this.#copyStrings(from.traceStates, to.traceStates, rows);
    copyWords(from.flags, to.flags, start, end);
    copyWords(from.droppedAttributes, to.droppedAttributes, start, end);
    copyWords(from.droppedEvents, to.droppedEvents, start, end);
    copyWords(from.droppedLinks, to.droppedLinks, start, end);
    this.#copyAttributes(from.attributes, to.attributes, start, end);
    this.#copyEvents(from.events, to.events, start, end);
    this.#copyLinks(from.links, to.links, start, end);
    const resource = copyReferences(from.resourceOf, to.resourceOf, start, end);
    copyResources(from.resources, to.resources, resource.first, resource.end);
    const scope = copyReferences(from.scopeOf, to.scopeOf, start, end);
    copyScopes(from.scopes, to.scopes, scope.first, scope.end);
    return to;
  }

  #copyStrings(from: ByteBuffer, to: ByteBuffer, count: number): void {
    const start = this.#readBytes.get(from) ?? 0;
    let end = start;
    for (let string = 0; string < count; string++) end = endOfString(from.bytes, end);
    to.copy(from.bytes, start, end);
    this.#readBytes.set(from, end);
  }

  #copyAttributes(from: AttributeColumns, to: AttributeColumns, start: number, end: number): void {
    const first = from.ends.at(start - 1);
    const stop = from.ends.at(end - 1);
    copyEntries(from.keys, to.keys, first, stop);
    copyItems(from.types, to.types, first, stop, 1);
    this.#copyStrings(from.values, to.values, stop - first);
    copyWords(from.ends, to.ends, start, end, first);
  }

  #copyEvents(from: EventColumns, to: EventColumns, start: number, end: number): void {
    const first = from.ends.at(start - 1);
    const stop = from.ends.at(end - 1);
    copyWords(from.ns, to.ns, first * 2, stop * 2);
    copyEntries(from.names, to.names, first, stop);
    copyWords(from.dropped, to.dropped, first, stop);
    copyWords(from.attributeCounts, to.attributeCounts, first, stop);
    copyWords(from.ends, to.ends, start, end, first);
    this.#copyAttributes(from.attributes, to.attributes, start, end);
  }

  #copyLinks(from: LinkColumns, to: LinkColumns, start: number, end: number): void {
    const first = from.ends.at(start - 1);
    const stop = from.ends.at(end - 1);
    copyItems(from.traceIds, to.traceIds, first, stop, 16);
    copyItems(from.spanIds, to.spanIds, first, stop, 8);
    this.#copyStrings(from.traceStates, to.traceStates, stop - first);
    copyWords(from.flags, to.flags, first, stop);
    copyWords(from.dropped, to.dropped, first, stop);
    copyWords(from.attributeCounts, to.attributeCounts, first, stop);
    copyWords(from.ends, to.ends, start, end, first);
    this.#copyAttributes(from.attributes, to.attributes, start, end);
  }
}

function copyResources(from: ResourceColumns, to: ResourceColumns, first: number, end: number): void {
  copySharedAttributes(from, to, first, end);
  copyWords(from.dropped, to.dropped, first, end);
  copyEntries(from.schemaUrls, to.schemaUrls, first, end);
  copyEntries(from.entityRefs, to.entityRefs, first, end);
  copyEntries(from.services, to.services, first, end);
}

function copyScopes(from: ScopeColumns, to: ScopeColumns, first: number, end: number): void {
  copySharedAttributes(from, to, first, end);
  copyWords(from.dropped, to.dropped, first, end);
  copyEntries(from.names, to.names, first, end);
  copyEntries(from.versions, to.versions, first, end);
  copyEntries(from.schemaUrls, to.schemaUrls, first, end);
}

type Shared = Pick<ScopeColumns, 'attributes' | 'valueEnds'>;

function copySharedAttributes(from: Shared, to: Shared, first: number, end: number): void {
  const { ends } = from.attributes;
  const items = [ends.at(first - 1), ends.at(end - 1)] as const;
  const bytes = [from.valueEnds.at(first - 1), from.valueEnds.at(end - 1)] as const;
  copyEntries(from.attributes.keys, to.attributes.keys, ...items);
  copyItems(from.attributes.types, to.attributes.types, ...items, 1);
  copyItems(from.attributes.values, to.attributes.values, ...bytes, 1);
  copyWords(ends, to.attributes.ends, first, end, items[0]);
  copyWords(from.valueEnds, to.valueEnds, first, end, bytes[0]);
}

/** Returns which resources or scopes these rows refer to; they are in the order of the rows. */
function copyReferences(from: Uint32Buffer, to: Uint32Buffer, start: number, end: number) {
  const first = from.at(start);
  copyWords(from, to, start, end, first);
  return { first, end: end > start ? from.at(end - 1) + 1 : first };
}

function copyItems(from: ByteBuffer, to: ByteBuffer, start: number, end: number, width: number): void {
  to.copy(from.bytes, start * width, end * width);
}

function copyWords(from: Uint32Buffer, to: Uint32Buffer, start: number, end: number, minus = 0): void {
  for (let index = start; index < end; index++) to.push(from.at(index) - minus);
}

function copyEntries(from: LowCardinalityColumn, to: LowCardinalityColumn, start: number, end: number): void {
  for (let index = start; index < end; index++) {
    const entry = from.entry(from.indexes.at(index));
    to.append(entry, 0, entry.length);
  }
}
