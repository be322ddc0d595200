import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ApiResponse } from '../http/response.ts';
import {
  COMPRESSED_BYTES_MIN,
  compressFast,
  compressor,
  isCompressible,
  preferredCoding,
  type ContentCoding,
} from '../http/content-coding.ts';

/** Headers of every answer. The UI loads nothing from elsewhere, is framed by nobody and runs no inline script. */
const COMMON_HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
    // The page's <base> names the prefix that it is served under.
    "manifest-src 'self'; worker-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** Pieces of an answer are joined up to about this size before they are sent. */
const CHUNK_CHARACTERS = 65_536;

/** Quick first: nobody requests the same response twice. */
const CODINGS: readonly ContentCoding[] = ['gzip', 'br'];

/** Sends an answer, compressed where that is worth it and the client takes it. Rejects with the reason of `left`. */
export async function send(response: ServerResponse, answer: ApiResponse, left: AbortSignal): Promise<void> {
  const { status, contentType, headers, body } = answer;
  const { method, headers: asked } = response.req;
  const isOpen = isCompressible(contentType) && headers?.['Content-Encoding'] === undefined;
  const coding = isOpen && isLarge(body) ? preferredCoding(asked['accept-encoding'], CODINGS) : null;
  const head = {
    ...COMMON_HEADERS,
    'Cache-Control': 'no-store',
    'Content-Type': contentType,
    ...(coding !== null && { 'Content-Encoding': coding }),
    ...headers,
    ...(isOpen && { Vary: varyOf(headers?.['Vary']) }),
  };
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = coding === null ? body : await compressFast(body, coding);
    // The length of a 304 would be that of the answer which it stands for.
    const length = status === 304 ? {} : { 'Content-Length': Buffer.byteLength(bytes) };
    response.writeHead(status, { ...head, ...length });
    response.end(bytes);
    return;
  }
  response.writeHead(status, head);
  if (method === 'HEAD') {
    response.end();
  } else if (coding === null) {
    for (const chunk of chunks(body)) if (!response.write(chunk)) await once(response, 'drain', { signal: left });
    response.end();
  } else {
    await pipeline(Readable.from(chunks(body), { highWaterMark: 1 }), compressor(coding), response, { signal: left });
  }
}

/** With the coding, besides whatever else the answer depends on. */
function varyOf(others = ''): string {
  if (others === '') return 'Accept-Encoding';
  return /\baccept-encoding\b/i.test(others) ? others : `${others}, Accept-Encoding`;
}

function isLarge(body: ApiResponse['body']): boolean {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return true;
  return Buffer.byteLength(body) >= COMPRESSED_BYTES_MIN;
}

function* chunks(pieces: Iterable<string | Uint8Array>): Generator<string | Uint8Array> {
  let chunk = '';
  for (const piece of pieces) {
    if (typeof piece !== 'string') {
      yield piece;
      continue;
    }
    chunk += piece;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  if (chunk !== '') yield chunk;
}
