import { ProtobufReader, WireType } from './protobuf-reader.ts';

/** A message's fields that are messages themselves, by number. */
interface MessageShape {
  readonly [field: number]: readonly [name: string, shape: () => MessageShape];
}

const anyValue: MessageShape = {
  5: ['array_value', () => ({ 1: ['values', () => anyValue] })],
  6: ['kvlist_value', () => ({ 1: ['values', () => keyValue] })],
};
const keyValue: MessageShape = { 2: ['value', () => anyValue] };
const leaf: MessageShape = {};
const span: MessageShape = {
  9: ['attributes', () => keyValue],
  11: ['events', () => ({ 3: ['attributes', () => keyValue] })],
  13: ['links', () => ({ 4: ['attributes', () => keyValue] })],
  15: ['status', () => leaf],
};
const scopeSpans: MessageShape = {
  1: ['scope', () => ({ 3: ['attributes', () => keyValue] })],
  2: ['spans', () => span],
};
const resourceSpans: MessageShape = {
  1: ['resource', () => ({ 1: ['attributes', () => keyValue], 3: ['entity_refs', () => leaf] })],
  2: ['scope_spans', () => scopeSpans],
};
const request: MessageShape = { 1: ['resource_spans', () => resourceSpans] };

/**
 * Names the message that a byte of a request is in, for example `resource_spans[0].scope_spans[2].spans[17]`. Found
 * by walking there again, so that decoding itself need not keep count.
 */
export function describeOffset(bytes: Uint8Array, offset: number): string {
  const reader = new ProtobufReader(bytes);
  const path: string[] = [];
  let shape = request;
  let inside = true;
  while (inside) {
    inside = false;
    const counts = new Map<string, number>();
    try {
      while (!inside && reader.at < reader.end) {
        const tag = reader.tag();
        const member = (tag & 7) === WireType.bytes ? shape[tag >>> 3] : undefined;
        if (member === undefined) {
          reader.skip(tag);
          continue;
        }
        const [name, memberShape] = member;
        const index = counts.get(name) ?? 0;
        counts.set(name, index + 1);
        reader.range();
        if (offset < reader.start || offset > reader.stop) continue;
        path.push(`${name}[${index}]`);
        shape = memberShape();
        reader.enter(reader.start, reader.stop);
        inside = true;
      }
    } catch {
      // What cannot be walked further is where the fault is.
      break;
    }
  }
  return path.length === 0 ? 'the request' : path.join('.');
}
