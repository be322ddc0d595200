import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { decoderOf } from './encodings.ts';
import { quoted } from './engine.ts';
import { ClickHouseException } from './exception.ts';
import { takeApart } from './statement.ts';

/** What one request asks of the engine. */
export interface Asked {
  /** For the engine: an INSERT's data stands in a file. */
  readonly sql: string;
  readonly isInsert: boolean;
  /** Of the answer. */
  readonly format: string;
}

/** Parameters of the URL that are no settings of a statement. */
const RESERVED = new Set([
  'query',
  'user',
  'password',
  'quota_key',
  'database',
  'default_format',
  'query_id',
  'stacktrace',
  'buffer_size',
  'wait_end_of_query',
  'client_protocol_version',
  'close_session',
]);

/** What ClickHouse has and this server has not. */
const NOT_PLAYED = new Set([
  'compress',
  'decompress',
  'session_id',
  'session_timeout',
  'session_check',
  'role',
  'profile',
]);

/** Every other parameter is a setting, whether there is such a one or not; of a repeated one, the last counts. */
export function settingsOf(parameters: URLSearchParams): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of parameters) {
    if (NOT_PLAYED.has(name)) throw ClickHouseException.of(48, `The test server has no ${name}`);
    if (name !== '' && !RESERVED.has(name)) settings[name] = value;
  }
  return settings;
}

/**
 * The statement is the parameter `query`, a line's end and the body. Data of an INSERT goes through a file, which alone is
 * safe for any byte: inside of a statement the engine takes what follows a blank line for the next statement.
 */
export async function readAsked(request: IncomingMessage, parameters: URLSearchParams, path: string): Promise<Asked> {
  const decoder = decoderOf(request.headers['content-encoding']);
  await spool(request, decoder, path);
  const query = parameters.get('query') ?? '';
  const start = query === '' ? '' : `${query}\n`;
  const inParameter = takeApart(start);
  if (inParameter.dataAt !== null && inParameter.format !== null) {
    const inline = start.slice(inParameter.dataAt);
    if (/\S/.test(inline)) await prepend(inline, path);
    return insertOf(
      inParameter.sql,
      inParameter.format,
      path,
      decoder === 'engine' ? request.headers['content-encoding'] : 'none',
    );
  }
  if (decoder === 'engine') throw ClickHouseException.of(48, 'The test server reads such an encoding of data alone');
  const body = await readFile(path);
  const text = start + body.toString('utf8');
  const { sql, format, dataAt } = takeApart(text);
  if (dataAt !== null && format !== null) {
    await writeFile(path, Buffer.concat([Buffer.from(start), body]).subarray(Buffer.byteLength(text.slice(0, dataAt))));
    return insertOf(sql, format, path, 'none');
  }
  const named = request.headers['x-clickhouse-format'];
  const otherwise = typeof named === 'string' ? named : (parameters.get('default_format') ?? 'TabSeparated');
  return { sql, isInsert: /^\s*INSERT\b/i.test(sql), format: format ?? otherwise };
}

function insertOf(statement: string, format: string, path: string, compression = 'none'): Asked {
  const [, before = statement, settings = ''] = /^(.*?)(\bSETTINGS\b.*)$/is.exec(statement) ?? [];
  const sql = `${before} FROM INFILE ${quoted(path)} COMPRESSION ${quoted(compression)} ${settings} FORMAT ${format}`;
  return { sql, isInsert: true, format: 'TabSeparated' };
}

/** The body is read to its end first, whatever is in it, so that an error can be answered. */
async function spool(request: IncomingMessage, decoder: ReturnType<typeof decoderOf>, path: string): Promise<void> {
  if (typeof decoder === 'string') {
    await pipeline(request, createWriteStream(path));
    return;
  }
  const encoded = `${path}.encoded`;
  await pipeline(request, createWriteStream(encoded));
  try {
    await pipeline(createReadStream(encoded), decoder, createWriteStream(path));
  } catch (error) {
    throw ClickHouseException.of(354, `inflate failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await rm(encoded, { force: true });
  }
}

async function prepend(text: string, path: string): Promise<void> {
  await writeFile(path, Buffer.concat([Buffer.from(text), await readFile(path)]));
}
