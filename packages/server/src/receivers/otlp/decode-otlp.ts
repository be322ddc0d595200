import type { AttributeColumns } from '../../columns/attribute-columns.ts';
import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { REPAIRED_TEXTS } from '../../columns/repaired-text.ts';
import { decodeAttribute } from './attribute-decoder.ts';
import { describeOffset } from './describe-offset.ts';
import { emptyScope, entityRef, type JsonEntityRef } from './otlp-fields.ts';
import { decodeMessage, MalformedProtobufError, ProtobufReader } from './protobuf-reader.ts';
import { SpanDecoder } from './span-decoder.ts';

/**
 * Appends the spans of an ExportTraceServiceRequest (`opentelemetry/proto/collector/trace/v1`, opentelemetry-proto
 * 1.x), which is TracesData on the wire. Strings go into the columns as the bytes that they are, those
 * that are no UTF-8 with U+FFFD. Fields may come in any order
 * and unknown ones are skipped; of a repeated single field the last one holds.
 *
 * Throws `MalformedRequestError`, whose message says where, `RequestTooLargeError`, and `TooLongHereError` beyond
 * `messagesMax` (`ProtobufReader`).
 */
export function decodeOtlp(bytes: Uint8Array, block: SpanBlock, rejected: RejectedSpans, messagesMax?: number): void {
  try {
    try {
      new OtlpDecoder(new ProtobufReader(bytes, messagesMax), block, rejected, true).decodeRequest();
    } catch (error) {
      if (!(error instanceof UnusualOrderError)) throw error;
      block.restart();
      rejected.clear();
      new OtlpDecoder(new ProtobufReader(bytes, messagesMax), block, rejected, false).decodeRequest();
    }
  } catch (error) {
    if (!(error instanceof MalformedProtobufError)) throw error;
    throw new MalformedRequestError(
      `malformed protobuf at byte ${error.offset} in ${describeOffset(bytes, error.offset)}: ${error.message}`,
      { cause: error },
    );
  }
}

/** A resource follows its scopes, or a scope its spans. */
class UnusualOrderError extends Error {
  override readonly name = 'UnusualOrderError';
}

/**
 * One method a message; each reads the message that the reader is in. Cases are tags: the field's number and its
 * wire type, `number << 3 | type`.
 */
class OtlpDecoder {
  readonly #reader: ProtobufReader;
  readonly #block: SpanBlock;
  readonly #spans: SpanDecoder;
  readonly #isInOrder: boolean;

  /**
   * `isInOrder`: resources and scopes come before what they hold, as everybody writes them, and each message is read
   * once. Throws `UnusualOrderError` where that is not so. A schema URL may follow.
   */
  constructor(reader: ProtobufReader, block: SpanBlock, rejected: RejectedSpans, isInOrder: boolean) {
    this.#isInOrder = isInOrder;
    this.#reader = reader;
    this.#block = block;
    this.#spans = new SpanDecoder(this.#reader, block, rejected);
  }

  decodeRequest(): void {
    const reader = this.#reader;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === tags.resourceSpans) decodeMessage(reader, () => this.#decodeResourceSpans());
      else reader.skip(tag);
    }
    if (reader.repairedTexts > 0) this.#block.losses.add(REPAIRED_TEXTS, reader.repairedTexts);
  }

  /** Twice where the resource follows its spans. */
  #decodeResourceSpans(): void {
    const reader = this.#reader;
    const begin = reader.at;
    const { attributes } = this.#block.resources;
    const entityRefs: JsonEntityRef[] = [];
    let schemaUrlStart = 0;
    let schemaUrlStop = 0;
    let dropped = 0;
    let isAdded = false;
    const add = (): void => {
      const refs = entityRefs.length === 0 ? '' : JSON.stringify(entityRefs);
      this.#block.addResource(reader.bytes, schemaUrlStart, schemaUrlStop, dropped, refs);
      isAdded = true;
    };
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case tags.resource:
          if (isAdded) throw new UnusualOrderError();
          decodeMessage(reader, () => {
            dropped = this.#decodeResource(attributes, entityRefs, dropped);
          });
          break;
        case tags.scopeSpans:
          if (this.#isInOrder) {
            if (!isAdded) add();
            decodeMessage(reader, () => this.#decodeScopeSpans());
          } else reader.range();
          break;
        case tags.schemaUrl:
          reader.range();
          schemaUrlStart = reader.start;
          schemaUrlStop = reader.stop;
          if (isAdded) this.#block.resources.replaceSchemaUrl(reader.bytes, reader.start, reader.stop);
          break;
        default:
          reader.skip(tag);
      }
    }
    if (!isAdded) add();
    if (!this.#isInOrder) this.#again(begin, tags.scopeSpans, () => this.#decodeScopeSpans());
  }

  /** Returns the dropped count. */
  #decodeResource(attributes: AttributeColumns, entityRefs: JsonEntityRef[], droppedBefore: number): number {
    const reader = this.#reader;
    let dropped = droppedBefore;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) decodeMessage(reader, () => decodeAttribute(reader, attributes));
      else if (tag === 0x10) dropped = reader.uint32();
      else if (tag === 0x1a) {
        decodeMessage(reader, () => {
          const ref = this.#decodeEntityRef();
          // As text so many are too long already, and are dropped.
          if (entityRefs.length <= attributes.valueBytesMax / 2) entityRefs.push(ref);
        });
      } else reader.skip(tag);
    }
    return dropped;
  }

  #decodeEntityRef(): JsonEntityRef {
    const reader = this.#reader;
    let schemaUrl = '';
    let type = '';
    const idKeys: string[] = [];
    const descriptionKeys: string[] = [];
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) schemaUrl = reader.text();
      else if (tag === 0x12) type = reader.text();
      else if (tag === 0x1a) idKeys.push(reader.text());
      else if (tag === 0x22) descriptionKeys.push(reader.text());
      else reader.skip(tag);
    }
    return entityRef(schemaUrl, type, idKeys, descriptionKeys);
  }

  /** Twice where the scope follows its spans. */
  #decodeScopeSpans(): void {
    const reader = this.#reader;
    const begin = reader.at;
    const scope = emptyScope();
    const decodeSpan = (): void => this.#spans.decodeSpan();
    let isAdded = false;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case tags.scope:
          if (isAdded) throw new UnusualOrderError();
          decodeMessage(reader, () => this.#decodeScope(scope));
          break;
        case tags.span:
          if (this.#isInOrder) {
            if (!isAdded) this.#block.addScope(reader.bytes, scope);
            isAdded = true;
            decodeMessage(reader, decodeSpan);
          } else reader.range();
          break;
        case tags.schemaUrl:
          reader.range();
          scope.schemaUrlStart = reader.start;
          scope.schemaUrlEnd = reader.stop;
          if (isAdded) this.#block.scopes.replaceSchemaUrl(reader.bytes, reader.start, reader.stop);
          break;
        default:
          reader.skip(tag);
      }
    }
    if (!isAdded) this.#block.addScope(reader.bytes, scope);
    if (!this.#isInOrder) this.#again(begin, tags.span, decodeSpan);
  }

  #decodeScope(scope: ReturnType<typeof emptyScope>): void {
    const reader = this.#reader;
    const { attributes } = this.#block.scopes;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a:
          reader.range();
          scope.nameStart = reader.start;
          scope.nameEnd = reader.stop;
          break;
        case 0x12:
          reader.range();
          scope.versionStart = reader.start;
          scope.versionEnd = reader.stop;
          break;
        case 0x1a:
          decodeMessage(reader, () => decodeAttribute(reader, attributes));
          break;
        case 0x20:
          scope.droppedAttributesCount = reader.uint32();
          break;
        default:
          reader.skip(tag);
      }
    }
  }

  /** Decodes every message with this tag in the message that has just been read and that began there. */
  #again(begin: number, wanted: number, decode: () => void): void {
    const reader = this.#reader;
    reader.at = begin;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === wanted) decodeMessage(reader, decode);
      else reader.skip(tag);
    }
  }
}

const tags = {
  resourceSpans: 0x0a,
  resource: 0x0a,
  scopeSpans: 0x12,
  scope: 0x0a,
  span: 0x12,
  schemaUrl: 0x1a,
} as const;
