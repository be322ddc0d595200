import { json, type ApiResponse } from '../http/response.ts';

/** A message that the library may look at, or what is answered in its place. */
export type ReadMessage = { readonly message: object } | { readonly refusal: ApiResponse };

const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;

/** Arguments of tools have two levels; a library that walks a tree calls itself for each. */
const DEPTH_MAX = 32;

/**
 * Reads one message of JSON-RPC. What no tool needs is refused: several messages at once, of which each could be a
 * query; a tree that is deeper than any message; and streams that stay open, since nothing here changes that an agent
 * would wait for.
 */
export function readMessage(bytes: Uint8Array): ReadMessage {
  let message: unknown;
  try {
    message = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return refused(400, PARSE_ERROR, 'the body is not valid JSON');
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    return refused(400, INVALID_REQUEST, 'expected one message of JSON-RPC in a request, as an object');
  }
  if (isDeeperThan(message, DEPTH_MAX)) {
    return refused(400, INVALID_REQUEST, `the message is nested deeper than ${DEPTH_MAX} levels`);
  }
  if ('method' in message && message.method === 'subscriptions/listen') {
    const id = 'id' in message && ['string', 'number'].includes(typeof message.id) ? message.id : null;
    return refused(404, METHOD_NOT_FOUND, 'there is nothing to subscribe to', id);
  }
  return { message };
}

function refused(status: number, code: number, message: string, id: unknown = null): ReadMessage {
  return { refusal: json({ jsonrpc: '2.0', error: { code, message }, id }, status) };
}

function isDeeperThan(root: object, levels: number): boolean {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((node) => Object.values(node)).filter((value): value is object => isObject(value));
  }
  return false;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
