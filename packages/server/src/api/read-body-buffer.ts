import type { IncomingMessage } from 'node:http';
import { Problem } from '../http/problem.ts';

/** JSON, and what curl names where it is given nothing but the body. */
const ACCEPTED_TYPES = /^application\/(?:json|x-www-form-urlencoded)[ \t]*(?:;|$)/i;

/**
 * The JSON of a request, as it was sent. Throws a 413 beyond `bytesMax`, and a 415 where it is compressed, or says that
 * it is something else.
 */
export async function readBodyBuffer(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const type = request.headers['content-type'];
  if (type !== undefined && !ACCEPTED_TYPES.test(type)) {
    const shown = JSON.stringify(type.slice(0, 100));
    throw new Problem(415, 'unsupported_content_type', `content type: got ${shown}, expected application/json or none`);
  }
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new Problem(415, 'unsupported_encoding', 'the body is compressed; send it uncompressed');
  }
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // To leave the loop would cut the connection before its answer; the rest has the time that a request has.
    if (bytes <= bytesMax) chunks.push(chunk);
  }
  if (bytes > bytesMax) throw tooLarge(bytesMax);
  return Buffer.concat(chunks);
}

function tooLarge(bytesMax: number): Problem {
  return new Problem(413, 'body_too_large', `the body has more than ${bytesMax} bytes`);
}
