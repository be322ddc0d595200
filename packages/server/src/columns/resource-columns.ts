import { AttributeType } from '../storage/schema.ts';
import { AttributeColumns, endOfString, limitedEnd, startOfString } from './attribute-columns.ts';
import { Uint32Buffer } from './growable-buffers.ts';
import type { BlockLimits } from './limits.ts';
import type { DropCounts } from './drop-counts.ts';
import { LowCardinalityColumn } from './low-cardinality-column.ts';
import type { RollbackStack } from './rollback-stack.ts';

/** The name that OpenTelemetry gives to a service which does not say its own. */
const UNKNOWN_SERVICE = Buffer.from('unknown_service');
const SERVICE_NAME = Buffer.from('service.name');

/** Each resource once; it is written for each of its spans. */
export class ResourceColumns {
  /** A row is a resource. */
  readonly attributes: AttributeColumns;
  readonly dropped = new Uint32Buffer();
  readonly schemaUrls: LowCardinalityColumn;
  readonly entityRefs: LowCardinalityColumn;
  readonly services: LowCardinalityColumn;
  /** Where each resource's values begin and end in `attributes.values`. */
  readonly valueEnds = new Uint32Buffer();
  readonly #valueBytesMax: number;
  readonly #losses: DropCounts;
  /** Distinct schema URLs before the last one was added. */
  #urlsBefore = 0;

  constructor(seed: number, limits: BlockLimits, losses: DropCounts) {
    this.#valueBytesMax = limits.valueBytesMax;
    this.#losses = losses;
    this.attributes = new AttributeColumns(seed, limits, losses);
    this.schemaUrls = new LowCardinalityColumn(seed, losses);
    this.entityRefs = new LowCardinalityColumn(seed, losses);
    this.services = new LowCardinalityColumn(seed, losses);
  }

  get lastRow(): number {
    return this.dropped.length - 1;
  }

  /** About the bytes that the last resource takes in each row. */
  get lastRowBytes(): number {
    return rowBytes(this.attributes, this.valueEnds);
  }

  /**
   * Completes a resource whose attributes have been appended. `entityRefs` is their OTLP JSON, '' where there are none.
   */
  add(
    source: Uint8Array,
    schemaUrlStart: number,
    schemaUrlEnd: number,
    droppedAttributesCount: number,
    entityRefs: string,
  ): void {
    const dropped = droppedAttributesCount + this.attributes.settle();
    this.#appendService();
    this.attributes.endRow();
    this.valueEnds.push(this.attributes.values.length);
    this.dropped.push(dropped);
    this.#urlsBefore = this.schemaUrls.entryCount;
    this.schemaUrls.append(source, schemaUrlStart, this.#textEnd(source, schemaUrlStart, schemaUrlEnd));
    const entities = Buffer.from(entityRefs);
    // A part of it would be no list.
    const isTooLong = entities.length > this.#valueBytesMax;
    if (isTooLong) this.#losses.add('ingest.valueBytesMax');
    this.entityRefs.append(entities, 0, isTooLong ? 0 : entities.length);
  }

  /** Gives the last resource the schema URL that stood behind its scopes. */
  replaceSchemaUrl(source: Uint8Array, start: number, end: number): void {
    replaceLast(this.schemaUrls, this.#urlsBefore, source, start, this.#textEnd(source, start, end));
  }

  #textEnd(source: Uint8Array, start: number, end: number): number {
    return limitedEnd(source, start, end, this.#valueBytesMax, this.#losses);
  }

  save(marks: RollbackStack): void {
    marks.save(this.dropped.length);
    marks.save(this.schemaUrls.entryCount);
    marks.save(this.entityRefs.entryCount);
    marks.save(this.services.entryCount);
    this.attributes.save(marks);
  }

  restore(marks: RollbackStack): void {
    this.attributes.restore(marks);
    this.services.truncateEntries(marks.take());
    this.entityRefs.truncateEntries(marks.take());
    this.schemaUrls.truncateEntries(marks.take());
    const rows = marks.take();
    this.dropped.length = this.valueEnds.length = rows;
    this.schemaUrls.indexes.length = this.entityRefs.indexes.length = this.services.indexes.length = rows;
  }

  clear(): void {
    this.attributes.clear();
    this.dropped.clear();
    this.valueEnds.clear();
    this.schemaUrls.clear();
    this.entityRefs.clear();
    this.services.clear();
  }

  /** The last `service.name` that is a string with a character in it. */
  #appendService(): void {
    const { keys, types, values } = this.attributes;
    let service: Uint8Array = UNKNOWN_SERVICE;
    let at = this.valueEnds.last();
    for (let index = this.attributes.ends.last(); index < this.attributes.count; index++) {
      const start = startOfString(values.bytes, at);
      const end = endOfString(values.bytes, at);
      at = end;
      const isName = end > start && types.bytes[index] === AttributeType.string;
      if (isName && SERVICE_NAME.equals(keys.entry(keys.indexes.at(index)))) {
        service = values.bytes.subarray(start, end);
      }
    }
    this.services.append(service, 0, service.length);
  }
}

/** Each instrumentation scope once. */
export class ScopeColumns {
  readonly attributes: AttributeColumns;
  readonly dropped = new Uint32Buffer();
  readonly names: LowCardinalityColumn;
  readonly versions: LowCardinalityColumn;
  readonly schemaUrls: LowCardinalityColumn;
  readonly valueEnds = new Uint32Buffer();
  readonly #valueBytesMax: number;
  readonly #losses: DropCounts;
  /** Distinct schema URLs before the last one was added. */
  #urlsBefore = 0;

  constructor(seed: number, limits: BlockLimits, losses: DropCounts) {
    this.#valueBytesMax = limits.valueBytesMax;
    this.#losses = losses;
    this.attributes = new AttributeColumns(seed, limits, losses);
    this.names = new LowCardinalityColumn(seed, losses);
    this.versions = new LowCardinalityColumn(seed, losses);
    this.schemaUrls = new LowCardinalityColumn(seed, losses);
  }

  get lastRow(): number {
    return this.dropped.length - 1;
  }

  get lastRowBytes(): number {
    return rowBytes(this.attributes, this.valueEnds);
  }

  /** Completes a scope whose attributes have been appended. */
  add(source: Uint8Array, scope: ScopeFields): void {
    this.dropped.push(scope.droppedAttributesCount + this.attributes.settle());
    this.attributes.endRow();
    this.valueEnds.push(this.attributes.values.length);
    this.names.append(source, scope.nameStart, this.#textEnd(source, scope.nameStart, scope.nameEnd));
    this.versions.append(source, scope.versionStart, this.#textEnd(source, scope.versionStart, scope.versionEnd));
    this.#urlsBefore = this.schemaUrls.entryCount;
    const urlEnd = this.#textEnd(source, scope.schemaUrlStart, scope.schemaUrlEnd);
    this.schemaUrls.append(source, scope.schemaUrlStart, urlEnd);
  }

  /** Gives the last scope the schema URL that stood behind its spans. */
  replaceSchemaUrl(source: Uint8Array, start: number, end: number): void {
    replaceLast(this.schemaUrls, this.#urlsBefore, source, start, this.#textEnd(source, start, end));
  }

  #textEnd(source: Uint8Array, start: number, end: number): number {
    return limitedEnd(source, start, end, this.#valueBytesMax, this.#losses);
  }

  save(marks: RollbackStack): void {
    marks.save(this.dropped.length);
    marks.save(this.names.entryCount);
    marks.save(this.versions.entryCount);
    marks.save(this.schemaUrls.entryCount);
    this.attributes.save(marks);
  }

  restore(marks: RollbackStack): void {
    this.attributes.restore(marks);
    this.schemaUrls.truncateEntries(marks.take());
    this.versions.truncateEntries(marks.take());
    this.names.truncateEntries(marks.take());
    const rows = marks.take();
    this.dropped.length = this.valueEnds.length = rows;
    this.names.indexes.length = this.versions.indexes.length = this.schemaUrls.indexes.length = rows;
  }

  clear(): void {
    this.attributes.clear();
    this.dropped.clear();
    this.valueEnds.clear();
    this.names.clear();
    this.versions.clear();
    this.schemaUrls.clear();
  }
}

export interface ScopeFields {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly versionStart: number;
  readonly versionEnd: number;
  readonly schemaUrlStart: number;
  readonly schemaUrlEnd: number;
  readonly droppedAttributesCount: number;
}

/** The last row's string, and the entry that came with it, make room for another. */
function replaceLast(
  column: LowCardinalityColumn,
  before: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  column.truncateEntries(before);
  column.indexes.length -= 1;
  column.append(source, start, end);
}

function rowBytes(attributes: AttributeColumns, valueEnds: Uint32Buffer): number {
  const last = valueEnds.length - 1;
  const count = attributes.ends.at(last) - attributes.ends.at(last - 1);
  // A key's number takes up to four bytes, its type one.
  return valueEnds.at(last) - valueEnds.at(last - 1) + count * 5;
}
