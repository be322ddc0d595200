import { isUtf8 } from 'node:buffer';
import type { RejectedSpans } from '../../columns/rejected-spans.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { REPAIRED_TEXTS } from '../../columns/repaired-text.ts';
import { parseJson } from './json-object.ts';
import { checkObjectCount } from './check-object-count.ts';
import { OTLP_HTTP_LIMITS } from '../limits.ts';
import { decodeJsonTree } from './otlp-json-tree.ts';
import { walkOtlpJson } from './walk-otlp-json.ts';

/**
 * Appends the spans of an ExportTraceServiceRequest in OTLP's JSON encoding: protobuf's JSON mapping, with ids in
 * hexadecimal of either case. Names in camelCase and snake_case, integers as numbers or strings, enums as numbers or
 * names; unknown members are ignored, null is absence, and so is a byte order mark, as RFC 8259 allows. A part of a
 * span that is of another shape costs that part, and is counted in the block's losses; a span without ids or a start is
 * rejected alone. The block has been marked, and `rejected` are empty.
 *
 * Throws `MalformedRequestError` for what is no JSON, no object, or has no list of resource spans, and
 * `RequestTooLargeError`.
 */
export function decodeOtlpJson(
  sent: Uint8Array,
  block: SpanBlock,
  rejected: RejectedSpans,
  objectsMax = OTLP_HTTP_LIMITS.jsonObjectsMax,
): void {
  const hasMark = sent[0] === 0xef && sent[1] === 0xbb && sent[2] === 0xbf;
  const body = hasMark ? sent.subarray(3) : sent;
  const isWhole = isUtf8(body);
  if (isWhole && walkOtlpJson(body, block, rejected, objectsMax)) return;
  checkObjectCount(body, objectsMax);
  decodeJsonTree(parseJson(body), block, rejected);
  // Which of its texts, nobody sees any more.
  if (!isWhole) block.losses.add(REPAIRED_TEXTS);
}
