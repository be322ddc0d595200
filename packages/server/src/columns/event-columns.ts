import { AttributeColumns } from './attribute-columns.ts';
import { ByteBuffer, Uint32Buffer } from './growable-buffers.ts';
import type { BlockLimits } from './limits.ts';
import type { DropCounts } from './drop-counts.ts';
import { LowCardinalityColumn } from './low-cardinality-column.ts';
import type { RollbackStack } from './rollback-stack.ts';
import type { LinkFields } from './span-fields.ts';
import { REPAIRED_TEXTS } from './repaired-text.ts';

/** The events of all spans, one after the other; `ends` says where each span's events end. */
export class EventColumns {
  readonly ns = new Uint32Buffer();
  readonly names: LowCardinalityColumn;
  readonly dropped = new Uint32Buffer();
  /** How many of `attributes` belong to each event. */
  readonly attributeCounts = new Uint32Buffer();
  /** A row of these is a span. */
  readonly attributes: AttributeColumns;
  readonly ends = new Uint32Buffer();
  /** Attributes that belong to events which are complete. */
  #countedAttributes = 0;
  /** Distinct names at the last row's end. */
  #rowNames = 0;

  constructor(seed: number, limits: BlockLimits, losses: DropCounts) {
    this.names = new LowCardinalityColumn(seed, losses);
    this.attributes = new AttributeColumns(seed, limits, losses);
  }

  get count(): number {
    return this.dropped.length;
  }

  /** Events since the last span's end. */
  get openCount(): number {
    return this.count - this.ends.last();
  }

  add(
    source: Uint8Array,
    nameStart: number,
    nameEnd: number,
    timeLow: number,
    timeHigh: number,
    droppedAttributesCount: number,
  ): void {
    this.ns.push(timeLow);
    this.ns.push(timeHigh);
    this.names.append(source, nameStart, nameEnd);
    this.dropped.push(droppedAttributesCount + this.attributes.settle());
    this.attributeCounts.push(this.attributes.count - this.#countedAttributes);
    this.#countedAttributes = this.attributes.count;
  }

  endRow(): void {
    this.ends.push(this.count);
    this.attributes.endRow();
    this.#rowNames = this.names.entryCount;
  }

  /** Forgets what has been appended since the last row's end. */
  abandonRow(): void {
    this.attributes.abandonRow();
    this.names.truncateEntries(this.#rowNames);
    this.#truncate(this.ends.last());
  }

  save(marks: RollbackStack): void {
    marks.save(this.count);
    marks.save(this.names.entryCount);
    marks.save(this.ends.length);
    this.attributes.save(marks);
  }

  restore(marks: RollbackStack): void {
    this.attributes.restore(marks);
    this.ends.length = marks.take();
    this.#rowNames = marks.take();
    this.names.truncateEntries(this.#rowNames);
    this.#truncate(marks.take());
  }

  clear(): void {
    this.ns.clear();
    this.names.clear();
    this.dropped.clear();
    this.attributeCounts.clear();
    this.attributes.clear();
    this.ends.clear();
    this.#countedAttributes = this.#rowNames = 0;
  }

  #truncate(count: number): void {
    this.#countedAttributes = this.attributes.count;
    this.ns.length = count * 2;
    this.names.indexes.length = count;
    this.dropped.length = this.attributeCounts.length = count;
  }
}

/** The links of all spans, in the same way. */
export class LinkColumns {
  readonly traceIds = new ByteBuffer();
  readonly spanIds = new ByteBuffer();
  readonly traceStates = new ByteBuffer();
  readonly flags = new Uint32Buffer();
  readonly dropped = new Uint32Buffer();
  readonly attributeCounts = new Uint32Buffer();
  readonly attributes: AttributeColumns;
  readonly ends = new Uint32Buffer();
  readonly #losses: DropCounts;
  #countedAttributes = 0;
  /** Bytes of trace states at the last row's end. */
  #rowTraceStates = 0;

  constructor(seed: number, limits: BlockLimits, losses: DropCounts) {
    this.#losses = losses;
    this.attributes = new AttributeColumns(seed, limits, losses);
  }

  get count(): number {
    return this.dropped.length;
  }

  get openCount(): number {
    return this.count - this.ends.last();
  }

  /** Ids are 16 and 8 bytes long. */
  add(source: Uint8Array, link: LinkFields, traceStateEnd: number): void {
    this.traceIds.copy(source, link.traceIdStart, link.traceIdEnd);
    this.spanIds.copy(source, link.spanIdStart, link.spanIdEnd);
    const isRepaired = this.traceStates.text(source, link.traceStateStart, traceStateEnd);
    if (isRepaired) this.#losses.add(REPAIRED_TEXTS);
    this.flags.push(link.flags);
    this.dropped.push(link.droppedAttributesCount + this.attributes.settle());
    this.attributeCounts.push(this.attributes.count - this.#countedAttributes);
    this.#countedAttributes = this.attributes.count;
  }

  endRow(): void {
    this.ends.push(this.count);
    this.attributes.endRow();
    this.#rowTraceStates = this.traceStates.length;
  }

  abandonRow(): void {
    this.attributes.abandonRow();
    this.traceStates.length = this.#rowTraceStates;
    this.#truncate(this.ends.last());
  }

  save(marks: RollbackStack): void {
    marks.save(this.count);
    marks.save(this.traceStates.length);
    marks.save(this.ends.length);
    this.attributes.save(marks);
  }

  restore(marks: RollbackStack): void {
    this.attributes.restore(marks);
    this.ends.length = marks.take();
    this.traceStates.length = this.#rowTraceStates = marks.take();
    this.#truncate(marks.take());
  }

  clear(): void {
    this.traceIds.clear();
    this.spanIds.clear();
    this.traceStates.clear();
    this.flags.clear();
    this.dropped.clear();
    this.attributeCounts.clear();
    this.attributes.clear();
    this.ends.clear();
    this.#countedAttributes = this.#rowTraceStates = 0;
  }

  #truncate(count: number): void {
    this.#countedAttributes = this.attributes.count;
    this.traceIds.length = count * 16;
    this.spanIds.length = count * 8;
    this.flags.length = this.dropped.length = this.attributeCounts.length = count;
  }
}
