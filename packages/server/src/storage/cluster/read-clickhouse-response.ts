import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { toEngineError } from '../to-engine-error.ts';
import { EngineError } from '../engine.ts';
import { UnreachableError } from './unreachable-error.ts';

/**
 * The bytes of one answer, decompressed, and at most `bytesMax` of them. Rejects with `EngineError` for what is no
 * answer: an error of ClickHouse, wherever it stands, and whatever a proxy says. `origin` is for messages.
 */
export async function readClickhouseResponse(
  response: IncomingMessage,
  origin: string,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let broken: unknown = null;
  let bytes = 0;
  try {
    for await (const chunk of contentOf(response) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        response.destroy();
        throw new EngineError('too_large', `the response of ${origin} is larger than ${bytesMax} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof EngineError) throw error;
    broken = error;
  }
  const body = Buffer.concat(chunks);
  const { statusCode = 0, headers } = response;
  const code = Number(headers['x-clickhouse-exception-code'] ?? 0);
  if (statusCode !== 200 || code !== 0) throw problem(origin, statusCode, code, body);
  const exception = exceptionAtEnd(body, headers);
  if (exception !== null && (broken === null || codeOf(exception) !== 0)) {
    throw toEngineError(codeOf(exception), exception);
  }
  // Of the answer's beginning alone nothing is known.
  if (broken !== null) throw broken;
  // ClickHouse has no format of ours in HTML: a page with a login has status 200 as well.
  if (headers['content-type']?.startsWith('text/html') === true) throw problem(origin, statusCode, 0, body);
  return body;
}

function contentOf(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // Its error is the reader's.
  return pipeline(response, createGunzip(), () => {});
}

function problem(origin: string, status: number, exceptionCode: number, body: Buffer): EngineError {
  const text = body.toString('utf8').trim();
  const code = exceptionCode === 0 ? codeOf(text) : exceptionCode;
  if (code !== 0) return toEngineError(code, text === '' ? `${origin} responded with ${status}` : text);
  // Not ClickHouse's own words: a proxy in front of it, which may have handed the statement on.
  const words = text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
  const quoted = words === '' ? '' : `: ${words}`;
  const message = `${origin} responded with ${status}, but not as ClickHouse does${quoted}`;
  return new UnreachableError(message, false, { httpStatus: status });
}

function codeOf(text: string): number {
  return Number(/^Code: (\d+)/.exec(text)?.[1] ?? 0);
}

/**
 * An error after the first rows follows them. ClickHouse 25.11 and later frame it with the tag of the answer's header:
 * no text that somebody has stored is taken for it. Older ones hold the whole answer back, as `wait_end_of_query` asks,
 * and what they do not hold back is no JSON.
 */
function exceptionAtEnd(body: Buffer, headers: IncomingHttpHeaders): string | null {
  const tail = body.subarray(-TAIL_BYTES);
  const tag = headers['x-clickhouse-exception-tag'];
  if (typeof tag === 'string' && tag !== '') {
    const begin = `\r\n__exception__\r\n${tag}\r\n`;
    const at = tail.lastIndexOf(begin, undefined, 'latin1');
    if (at < 0) return null;
    const block = tail.subarray(at + begin.length).toString('utf8');
    const end = block.lastIndexOf('\n', block.indexOf(` ${tag}`));
    return (end < 0 ? block : block.slice(0, end)).trim();
  }
  const format = headers['x-clickhouse-format'];
  if (typeof format !== 'string' || !format.startsWith('JSON')) return null;
  const text = tail.toString('utf8');
  return /[\]}]\n$/.test(text) ? null : (/Code: \d+[.,] [^]*DB::[^]*$/.exec(text)?.[0].trim() ?? null);
}

/** The frame of an error has 16 KiB at most. */
const TAIL_BYTES = 32 * 1024;
