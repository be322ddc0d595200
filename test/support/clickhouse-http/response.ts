import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { encode } from './encodings.ts';
import type { EngineResponse } from './engine.ts';
import type { ClickHouseException } from './exception.ts';
import type { BrokenResponse } from './faults.ts';

export interface Answered {
  readonly queryId: string;
  readonly format: string;
  readonly timeZone: string;
  readonly isInsert: boolean;
  readonly elapsedNs: number;
  /** The client asked for `enable_http_compression`. */
  readonly mayEncode: boolean;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  TabSeparated: 'text/tab-separated-values; charset=UTF-8',
  TSV: 'text/tab-separated-values; charset=UTF-8',
  JSON: 'application/json; charset=UTF-8',
  JSONCompact: 'application/json; charset=UTF-8',
  JSONEachRow: 'application/x-ndjson; charset=UTF-8',
  JSONCompactEachRow: 'application/x-ndjson; charset=UTF-8',
  CSV: 'text/csv; charset=UTF-8; header=absent',
  Native: 'application/octet-stream',
  RowBinary: 'application/octet-stream',
};

/** The answer of a statement that went well, or one that the fault breaks off. */
export function sendResponse(
  request: IncomingMessage,
  response: ServerResponse,
  answer: EngineResponse,
  about: Answered,
  broken: (BrokenResponse & { readonly exception: string }) | null,
): void {
  const accepted = request.headers['accept-encoding'];
  const { encoding, bytes } =
    about.mayEncode && typeof accepted === 'string'
      ? encode(answer.bytes, accepted)
      : { encoding: null, bytes: answer.bytes };
  const tag = randomBytes(12).toString('base64url');
  response.writeHead(200, {
    'Content-Type': CONTENT_TYPES[about.format] ?? 'text/plain; charset=UTF-8',
    'X-ClickHouse-Server-Display-Name': 'test',
    'X-ClickHouse-Query-Id': about.queryId,
    'X-ClickHouse-Format': about.format,
    'X-ClickHouse-Timezone': about.timeZone,
    ...(broken?.how !== 'text' && { 'X-ClickHouse-Exception-Tag': tag }),
    'X-ClickHouse-Summary': summary(answer, about),
    ...(encoding !== null && { 'Content-Encoding': encoding }),
  });
  if (broken === null) {
    response.end(bytes);
    return;
  }
  response.write(bytes.subarray(0, broken.afterBytes));
  if (broken.how === 'text') {
    response.end(`${broken.exception}\n`);
    return;
  }
  const mark = '\r\n__exception__\r\n';
  const block = `${mark}${tag}\r\n${broken.exception}\n${Buffer.byteLength(broken.exception)} ${tag}${mark}`;
  // Without the last chunk.
  if (broken.how === 'tagged') response.write(block, () => response.destroy());
  else setImmediate(() => response.socket?.resetAndDestroy());
}

/** The answer of a statement that failed before a byte of its data was sent. */
export function sendException(response: ServerResponse, exception: ClickHouseException, version: string): void {
  response.writeHead(exception.status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Server-Display-Name': 'test',
    'X-ClickHouse-Exception-Code': String(exception.code),
    'X-ClickHouse-Summary': JSON.stringify({ read_rows: '0', read_bytes: '0', written_rows: '0', written_bytes: '0' }),
    ...(exception.code === 194 && { 'WWW-Authenticate': 'Basic realm="ClickHouse server HTTP API"' }),
  });
  response.end(`${withVersion(exception, version)}\n`);
}

export function withVersion({ text }: ClickHouseException, version: string): string {
  return `${text} (version ${version} (official build))`;
}

function summary({ rowsRead, bytesRead, bytes }: EngineResponse, { isInsert, elapsedNs }: Answered): string {
  return JSON.stringify({
    read_rows: String(rowsRead),
    read_bytes: String(bytesRead),
    written_rows: String(isInsert ? rowsRead : 0),
    written_bytes: String(isInsert ? bytesRead : 0),
    total_rows_to_read: '0',
    result_rows: String(isInsert ? rowsRead : 0),
    result_bytes: String(bytes.length),
    elapsed_ns: String(elapsedNs),
  });
}
