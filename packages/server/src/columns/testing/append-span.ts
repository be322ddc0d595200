import type { RejectedSpans } from '../rejected-spans.ts';
import type { SpanBlock } from '../span-block.ts';
import { SpanFields } from '../span-fields.ts';

export interface TestSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
}

export function aSpan(fields: Partial<TestSpan> = {}): TestSpan {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '',
    name: 'GET /',
    startNs: 1_795_000_000_000_000_000n,
    ...fields,
  };
}

/** Appends the span with a resource and a scope of its own. */
export function appendSpan(block: SpanBlock, rejected: RejectedSpans, span: TestSpan): void {
  const nothing = new Uint8Array();
  block.addResource(nothing, 0, 0, 0, '');
  const scope = { nameStart: 0, nameEnd: 0, versionStart: 0, versionEnd: 0, schemaUrlStart: 0, schemaUrlEnd: 0 };
  block.addScope(nothing, { ...scope, droppedAttributesCount: 0 });
  const parts = [span.traceId, span.spanId, span.parentSpanId].map((id) => Buffer.from(id, 'hex'));
  const source = Buffer.concat([...parts, Buffer.from(span.name)]);
  const [traceId = 0, spanId = 0, parentSpanId = 0] = parts.map((part) => part.length);
  const fields = new SpanFields();
  fields.reset(source);
  fields.traceIdEnd = fields.spanIdStart = traceId;
  fields.spanIdEnd = fields.parentSpanIdStart = traceId + spanId;
  fields.parentSpanIdEnd = fields.nameStart = traceId + spanId + parentSpanId;
  fields.nameEnd = source.length;
  fields.startLow = fields.endLow = Number(span.startNs & 0xffff_ffffn);
  fields.startHigh = fields.endHigh = Number(span.startNs >> 32n);
  block.beginSpan();
  const rejection = block.endSpan(fields);
  if (rejection !== null) rejected.add(rejection);
}
