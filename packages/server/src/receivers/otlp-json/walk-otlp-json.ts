import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import { MalformedRequestError, RequestTooLargeError } from '../../columns/ingest-result.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { walkAttributes } from './walk-attributes.ts';
import { fallBackToParser, JsonCursor, FallbackNeeded } from './json-cursor.ts';
import { JsonObject, parseText } from './json-object.ts';
import { JsonSpanWalker, seenOnce, skipUnknown, walkText } from './json-span-walker.ts';
import { MemberNames } from './member-names.ts';
import { emptyScope } from '../otlp/otlp-fields.ts';
import { readEntityRefs } from './otlp-json-tree.ts';
import { TextSource } from './text-source.ts';

/**
 * Appends the spans of a body in UTF-8 from its bytes, as `decodeJsonTree` does from its objects. Returns false, and
 * leaves block and rejected as they were, for a body that is malformed, beyond a limit, or so written that it is for
 * the other to decide, as a part of a wrong shape is.
 */
export function walkOtlpJson(body: Uint8Array, block: SpanBlock, rejected: RejectedSpans, objectsMax: number): boolean {
  try {
    new OtlpJsonWalker(new JsonCursor(body, objectsMax), block, rejected).walkRequest();
    return true;
  } catch (error) {
    const isKnown =
      error instanceof FallbackNeeded ||
      error instanceof MalformedRequestError ||
      error instanceof RequestTooLargeError;
    if (!isKnown) throw error;
  }
  block.restart();
  rejected.clear();
  return false;
}

class OtlpJsonWalker {
  readonly #cursor: JsonCursor;
  readonly #block: SpanBlock;
  readonly #spans: JsonSpanWalker;
  readonly #text = new TextSource();
  readonly #attributeText = new TextSource();
  /** Of the last resource. */
  #entityRefs = '';
  #dropped = 0;

  constructor(cursor: JsonCursor, block: SpanBlock, rejected: RejectedSpans) {
    this.#cursor = cursor;
    this.#block = block;
    this.#spans = new JsonSpanWalker(cursor, block, rejected, this.#text, this.#attributeText);
  }

  walkRequest(): void {
    const cursor = this.#cursor;
    let seen = 0;
    let hasUnknown = false;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = REQUEST_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      hasUnknown ||= member < 0;
      if (cursor.isNull()) continue;
      if (member < 0) skipUnknown(cursor);
      else for (let next = cursor.enterArray(); next; next = cursor.nextItem()) this.#walkResourceSpans();
    }
    if (cursor.peek() !== 0 || cursor.at < cursor.bytes.length) fallBackToParser();
    if (hasUnknown && (seen & RESOURCE_SPANS) === 0) fallBackToParser();
  }

  /** The resource has to be before its spans; its schema URL, which serializers put last, need not. */
  #walkResourceSpans(): void {
    const cursor = this.#cursor;
    const block = this.#block;
    const text = this.#text;
    let [seen, urlStart, urlEnd] = [0, 0, 0];
    let isAdded = false;
    let hasUnknown = false;
    this.#entityRefs = '';
    this.#dropped = 0;
    text.clear();
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = RESOURCE_SPANS_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      hasUnknown ||= member < 0;
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          if (isAdded) fallBackToParser();
          this.#walkResource();
          break;
        case 1:
          block.addResource(text.bytes, urlStart, urlEnd, this.#dropped, this.#entityRefs);
          isAdded = true;
          for (let next = cursor.enterArray(); next; next = cursor.nextItem()) this.#walkScopeSpans();
          text.clear();
          break;
        case 2:
          urlStart = walkText(cursor, text);
          urlEnd = text.length;
          if (isAdded) block.resources.replaceSchemaUrl(text.bytes, urlStart, urlEnd);
          break;
        default:
          skipUnknown(cursor);
      }
    }
    if (hasUnknown && (seen & SCOPE_SPANS) === 0) fallBackToParser();
    if (!isAdded) block.addResource(text.bytes, urlStart, urlEnd, this.#dropped, this.#entityRefs);
  }

  #walkResource(): void {
    const cursor = this.#cursor;
    let seen = 0;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = RESOURCE_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          walkAttributes(cursor, this.#block.resources.attributes, this.#attributeText);
          break;
        case 1:
          this.#dropped = cursor.uint32();
          break;
        case 2: {
          const start = cursor.skip();
          const entityRefs = parseText(cursor.text(start, cursor.at));
          this.#entityRefs = readEntityRefs(new JsonObject({ entityRefs }));
          break;
        }
        default:
          skipUnknown(cursor);
      }
    }
  }

  /** The same as for a resource. */
  #walkScopeSpans(): void {
    const cursor = this.#cursor;
    const block = this.#block;
    const text = this.#text;
    const scope = emptyScope();
    let seen = 0;
    let isAdded = false;
    let hasUnknown = false;
    text.clear();
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = SCOPE_SPANS_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      hasUnknown ||= member < 0;
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          if (isAdded) fallBackToParser();
          this.#walkScope(scope);
          break;
        case 1:
          block.addScope(text.bytes, scope);
          isAdded = true;
          for (let next = cursor.enterArray(); next; next = cursor.nextItem()) this.#spans.walkSpan();
          text.clear();
          break;
        case 2:
          scope.schemaUrlStart = walkText(cursor, text);
          scope.schemaUrlEnd = text.length;
          if (isAdded) block.scopes.replaceSchemaUrl(text.bytes, scope.schemaUrlStart, scope.schemaUrlEnd);
          break;
        default:
          skipUnknown(cursor);
      }
    }
    if (hasUnknown && (seen & SPANS) === 0) fallBackToParser();
    if (!isAdded) block.addScope(text.bytes, scope);
  }

  #walkScope(scope: ReturnType<typeof emptyScope>): void {
    const cursor = this.#cursor;
    const text = this.#text;
    let seen = 0;
    for (let more = cursor.enterObject(); more; more = cursor.nextMember()) {
      const member = SCOPE_MEMBERS.find(cursor.bytes, cursor.start, cursor.end);
      seen = seenOnce(seen, member);
      if (cursor.isNull()) continue;
      switch (member) {
        case 0:
          scope.nameStart = walkText(cursor, text);
          scope.nameEnd = text.length;
          break;
        case 1:
          scope.versionStart = walkText(cursor, text);
          scope.versionEnd = text.length;
          break;
        case 2:
          walkAttributes(cursor, this.#block.scopes.attributes, this.#attributeText);
          break;
        case 3:
          scope.droppedAttributesCount = cursor.uint32();
          break;
        default:
          skipUnknown(cursor);
      }
    }
  }
}

/** The members of each message in the order of the cases. */
const REQUEST_MEMBERS = new MemberNames(['resourceSpans']);
const RESOURCE_SPANS_MEMBERS = new MemberNames(['resource', 'scopeSpans', 'schemaUrl']);
const RESOURCE_MEMBERS = new MemberNames(['attributes', 'droppedAttributesCount', 'entityRefs']);
const SCOPE_SPANS_MEMBERS = new MemberNames(['scope', 'spans', 'schemaUrl']);
const SCOPE_MEMBERS = new MemberNames(['name', 'version', 'attributes', 'droppedAttributesCount']);

/** The bits of those that lead to spans. */
const RESOURCE_SPANS = 1 << 0;
const SCOPE_SPANS = 1 << 1;
const SPANS = 1 << 1;
