/**
 * Reads a trace id in any of the forms that people have, as 32 lower-case hexadecimal digits; null for anything else,
 * for zeros alone, and for texts above 1,000 characters. Never throws. Blanks around it and the case of its digits do
 * not matter. The forms: 14 to 32 digits (they are filled with zeros on the left: 64-bit ids, and those of Jaeger's
 * clients, which omit leading zeros), behind `0x` also fewer; a UUID with dashes; X-Ray's
 * `1-5759e988-bd862e3fe1be46a994272793`, alone or as `Root=` in its header; and the headers `traceparent`, `b3` and
 * `uber-trace-id`, whole.
 *
 * @example
 * parseTraceId('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'); // '4bf92f3577b34da6a3ce929d0e0e4736'
 * parseTraceId('A3CE929D0E0E4736'); // '0000000000000000a3ce929d0e0e4736'
 * parseTraceId('checkout'); // null
 *
 * @see https://www.w3.org/TR/trace-context/#trace-id
 */
export function parseTraceId(text: string): string | null {
  // Nothing that is longer is an id, and a header of ours has no more.
  if (text.length > TEXT_CHARACTERS_MAX) return null;
  const trimmed = text.trim().toLowerCase();
  for (const form of FORMS) {
    const found = form.exec(trimmed);
    if (found === null) continue;
    const digits = found.slice(1).join('').padStart(32, '0');
    return /^0*$/.test(digits) ? null : digits;
  }
  return null;
}

/** What `parseTraceId` accepts, for a message: the end of the sentence "expected …". */
export const TRACE_ID_ACCEPTED =
  '32 or 16 hexadecimal digits that are not all zero, a UUID, an id of X-Ray (1-5759e988-bd862e3fe1be46a994272793) or a whole traceparent';

const TEXT_CHARACTERS_MAX = 1_000;

/** The digits are what the groups hold, one behind the other. */
const FORMS: readonly RegExp[] = [
  // One of 64 bits in 4,096 has fewer: so few digits may be anything.
  /^([0-9a-f]{14,32})$/,
  /^0x([0-9a-f]{1,32})$/,
  /^(?:urn:uuid:|\{)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}?$/,
  /^(?:x-amzn-trace-id: ?)?(?:root=)?1-([0-9a-f]{8})-([0-9a-f]{24})(?:;.*)?$/,
  /^(?:traceparent: ?)?[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/,
  /^(?:b3: ?)?([0-9a-f]{16}|[0-9a-f]{32})-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/,
  // Jaeger's clients omit leading zeros.
  /^(?:uber-trace-id: ?)?([0-9a-f]{1,32}):[0-9a-f]{1,16}:[0-9a-f]{1,16}:[0-9a-f]{1,2}$/,
];
