import { RequestTooLargeError } from '../../columns/ingest-result.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/** Throws `RequestTooLargeError` for more than `objectsMax`, without parsing; malformed JSON is as good as other. */
export function checkObjectCount(body: Uint8Array, objectsMax: number): void {
  if (body.length <= objectsMax) return;
  let count = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at);
    else if (byte === BRACE || byte === BRACKET) count += 1;
  }
  if (count > objectsMax) {
    throw new RequestTooLargeError(
      'otlpHttp.jsonObjectsMax',
      `the request has ${count} objects and arrays, more than ${objectsMax}; send fewer spans in a request`,
    );
  }
}

/** The position of the closing quote. */
function endOfString(body: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at;
}
