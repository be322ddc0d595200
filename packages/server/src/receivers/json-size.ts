import { RequestTooLargeError } from '../ingest/result.ts';

/**
 * Objects and arrays in a request. An empty one takes 3 bytes of the body and twenty times as much memory when it is
 * parsed, so the body's size alone does not bound it. A span with ten attributes has about 25.
 */
export const JSON_OBJECTS_MAX = 1_000_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Throws `RequestTooLargeError` for more than `JSON_OBJECTS_MAX`, without parsing; malformed JSON is as good as other. */
export function checkObjectCount(body: Uint8Array): void {
  if (body.length <= JSON_OBJECTS_MAX) return;
  let count = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === BRACE || byte === BRACKET) count += 1;
  }
  if (count > JSON_OBJECTS_MAX) {
    throw new RequestTooLargeError(
      `the request has ${count} objects and arrays, more than ${JSON_OBJECTS_MAX}; send fewer spans in a request`,
    );
  }
}

/** The position of the closing quote. */
function endOfString(body: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}
