import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MalformedRequestError } from '../../columns/ingest-result.ts';
import type { SpanBlock } from '../../columns/span-block.ts';
import { SpanFields } from '../../columns/span-fields.ts';
import type { AccessCheck } from '../../http/access.ts';
import { json } from '../../http/response.ts';
import { route } from '../../http/route.ts';
import { Ingest } from '../../ingest/ingest.ts';
import { Spool } from '../../spool/spool.ts';
import type { ReceiverLimits, OtlpHttpLimits } from '../limits.ts';
import { sharedByReceivers } from '../testing/shared-by-receivers.ts';
import type { HttpPort } from './http-port.ts';
import { HttpReceiver } from './http-receiver.ts';
import type { SpanFormat } from './span-format.ts';

/** A format of nobody's: a span a line, `trace id, span id, name, start in ns`; 202 for an answer, errors as text. */
function linesFormat(ingest: Ingest): SpanFormat {
  return {
    method: 'POST',
    path: '/lines',
    operationId: 'sendLines',
    aliases: ['/api/lines'],
    forms: [{ name: 'csv', mediaTypes: ['text/csv'], isText: true }],
    isStored: true,
    decode: (body, _, memory) =>
      ingest.decode((block) => decodeLines(Buffer.from(body.borrow(memory)).toString('utf8'), block)),
    accept: ({ acceptedSpans }) => ({
      status: 202,
      contentType: 'text/plain',
      body: Buffer.from(`${acceptedSpans} spans`),
    }),
    refuse: ({ status, code, message, headers = {} }) => ({
      status,
      contentType: 'text/plain',
      body: Buffer.from(`${code}: ${message}`),
      headers,
    }),
  };
}

function decodeLines(text: string, block: SpanBlock): void {
  const source = Buffer.alloc(0);
  block.addResource(source, 0, 0, 0, '');
  block.addScope(source, {
    nameStart: 0,
    nameEnd: 0,
    versionStart: 0,
    versionEnd: 0,
    schemaUrlStart: 0,
    schemaUrlEnd: 0,
    droppedAttributesCount: 0,
  });
  const span = new SpanFields();
  for (const [at, line] of text.trim().split('\n').entries()) {
    const [traceId, spanId, name, startNs, ...more] = line.split(',');
    if (startNs === undefined || more.length > 0)
      throw new MalformedRequestError(`line ${at + 1} has not four members`);
    const bytes = Buffer.concat([
      Buffer.from(traceId ?? '', 'hex'),
      Buffer.from(spanId ?? '', 'hex'),
      Buffer.from(name ?? ''),
    ]);
    span.reset(bytes);
    [span.traceIdEnd, span.spanIdStart, span.spanIdEnd, span.nameStart, span.nameEnd] = [16, 16, 24, 24, bytes.length];
    span.startLow = span.endLow = Number(BigInt.asUintN(32, BigInt(startNs)));
    span.startHigh = span.endHigh = Number(BigInt(startNs) >> 32n);
    block.beginSpan();
    block.endSpan(span);
  }
}

const LINE = '0af7651916cd43dd8448eb211c80319c,b7ad6b7169203331,GET /,1795000000000000000';
const csv = { 'content-type': 'text/csv' };

let directory: string;
let spool: Spool;
let registry: Registry;
let receiver: HttpReceiver;
let address: AddressInfo;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-formats-'));
});
afterEach(async () => {
  await receiver.close();
  await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const SHOWN = route({
  path: '/v1/shown',
  operationId: 'getShown',
  summary: 'Something to show',
  answers: { description: 'That it is shown' },
  usesStore: false,
  answer: ({ access: { identity } }) => json({ shown: true, identity }),
});

interface Options {
  readonly access?: AccessCheck;
  readonly limits?: Partial<ReceiverLimits & OtlpHttpLimits>;
}

const log = pino({ level: 'error' }, { write: (line) => logged.push((JSON.parse(line) as { msg: string }).msg) });
let logged: string[] = [];
let started: ReturnType<typeof sharedByReceivers> & { readonly lines: SpanFormat };

async function start(options: Options = {}): Promise<void> {
  logged = [];
  registry = new Registry();
  spool = new Spool({ directory, log, registry, limits: { segmentAgeMs: 3_600_000 } });
  await spool.open();
  const ingest = new Ingest({ spool, registry, now: () => 1_795_000_100_000 });
  started = { ...sharedByReceivers(ingest, registry, options.limits), lines: linesFormat(ingest) };
  receiver = new HttpReceiver({
    ...started,
    ...options,
    log,
    formats: [...started.formats, started.lines],
    routes: [SHOWN],
  });
  address = await receiver.start('127.0.0.1', 0);
}

async function send(
  path: string,
  init: Omit<RequestInit, 'body'> & { body?: string | Uint8Array } = {},
): Promise<[status: number, body: string, Headers]> {
  const answer = await fetch(`http://127.0.0.1:${address.port}${path}`, init as RequestInit);
  return [answer.status, await answer.text(), answer.headers];
}

const post = (body: string | Uint8Array, headers: Record<string, string> = csv, path = '/lines') =>
  send(path, { method: 'POST', headers, body });

describe('a second format on the port', () => {
  it('is a decoder and an answer, stored as all others are', async () => {
    await start();
    expect((await post(`${LINE}\n${LINE.replace('3331', '3332')}\n`)).slice(0, 2)).toEqual([202, '2 spans']);
    expect((await post(LINE.replace('GET', 'PUT'), csv, '//api/lines/')).slice(0, 2)).toEqual([202, '1 spans']);
    expect((await post('{}', { 'content-type': 'application/json' }, '/v1/traces')).slice(0, 2)).toEqual([200, '{}']);
    await spool.close();
    expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(3);
  });

  it('has what the receiver does for every format: compression, repeats, limits, pages', async () => {
    await start({ limits: { bodyBytesMax: 1_000, decompressedBytesMax: 1_000 } });
    const zipped = gzipSync(LINE);
    const compressed = { ...csv, 'content-encoding': 'gzip' };
    expect((await post(zipped, compressed)).slice(0, 2)).toEqual([202, '1 spans']);
    // Told by its bytes, it is answered as before and stored once.
    expect((await post(LINE)).slice(0, 2)).toEqual([202, '1 spans']);
    expect((await post('a,b')).slice(0, 2)).toEqual([400, expect.stringMatching(/^malformed: line 1 /)]);
    expect((await post('x'.repeat(1_001)))[1]).toMatch(/^body_too_large: .*1000 bytes$/);
    expect((await post(gzipSync(Buffer.alloc(5_000)), compressed))[0]).toBe(413);
    expect((await post(LINE, { 'content-type': 'text/plain' }))[1]).toMatch(
      /^unsupported_body: .*text\/plain; text\/csv/,
    );
    expect((await post(LINE, { 'content-type': 'text/csv; charset=latin1' }))[0]).toBe(415);
    expect((await post(LINE, { ...csv, origin: 'https://evil.example' }))[0]).toBe(403);
    const page = { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' };
    expect((await send('/lines', { method: 'OPTIONS', headers: page }))[0]).toBe(204);
    const [status, message, headers] = await send('/lines');
    expect([status, message, headers.get('allow')]).toEqual([405, expect.stringContaining('method GET'), 'POST']);
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_otlp_http_requests_total{outcome="202"} 2');
    expect(metrics).toContain('limit="otlpHttp.bodyBytesMax"} 1');
    expect(metrics).toContain('limit="otlpHttp.decompressedBytesMax"} 1');
    await spool.close();
    expect((await spool.nextSealed(new AbortController().signal))?.rows).toBe(1);
  });
});

describe('a second port', () => {
  const LINES_PORT: HttpPort = {
    name: 'lines',
    limitPrefix: 'lines',
    metricPrefix: 'throughline_lines',
    originsFlag: '--lines-cors-origins',
  };

  it('has a name, limits and metrics of its own, beside those of the first', async () => {
    await start();
    const broken: SpanFormat = {
      ...started.lines,
      path: '/broken',
      aliases: [],
      decode: () => Promise.reject(new Error('a bug')),
    };
    const second = new HttpReceiver({
      ...started,
      log,
      port: LINES_PORT,
      formats: [started.lines, broken],
      limits: { bodyBytesMax: 1_000 },
    });
    const { port } = await second.start('127.0.0.1', 0);
    const to = async (path: string, body: string, headers: Record<string, string> = csv): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body });
      return answer.text();
    };
    try {
      expect(await to('/lines', LINE)).toBe('1 spans');
      expect(await to('/lines', 'x'.repeat(1_001))).toContain('body_too_large');
      expect(await to('/lines', LINE, { ...csv, origin: 'https://evil.example' })).toContain('--lines-cors-origins');
      expect(await to('/v1/traces', '{}')).toMatch(/^not_found: .*\/v1\/traces; .*\/lines, \/broken$/);
      expect(await to('/broken', LINE.replace('GET', 'PUT'))).toBe('internal: internal error');
    } finally {
      await second.close();
    }
    expect((await post(LINE.replace('GET', 'HEAD')))[0]).toBe(202);
    expect(logged).toEqual(['lines request failed']);
    const metrics = await registry.metrics();
    expect(metrics).toContain('throughline_lines_requests_total{outcome="202"} 1');
    expect(metrics).toContain('throughline_lines_requests_total{outcome="413"} 1');
    expect(metrics).toContain('throughline_limit_reached_total{limit="lines.bodyBytesMax"} 1');
    expect(metrics).not.toContain('limit="otlpHttp.bodyBytesMax"');
    expect(metrics).toContain('throughline_otlp_http_requests_total{outcome="202"} 1');
  });
});

describe('JSON beside spans', () => {
  it('answers HEAD where it answers GET', async () => {
    await start();
    expect((await send('/v1/shown')).slice(0, 2)).toEqual([200, '{"shown":true}\n']);
    const [status, body, headers] = await send('/v1/shown', { method: 'HEAD' });
    expect([status, body, headers.get('content-length')]).toEqual([200, '', '15']);
    expect((await send('/v1/shown', { method: 'DELETE' }))[2].get('allow')).toBe('GET, HEAD');
  });
});

describe('access control', () => {
  it('is asked before a request is answered and its body is read, and a refusal is in the form of the path', async () => {
    const asked: unknown[] = [];
    await start({
      access: ({ method, url, headers }) => {
        asked.push([method, url]);
        return headers.authorization === 'Bearer good'
          ? { isAllowed: true }
          : { status: 401, code: 'no_token', message: 'a token is missing', headers: { 'www-authenticate': 'Bearer' } };
      },
    });
    const [status, message, headers] = await post(LINE);
    expect([status, message, headers.get('www-authenticate')]).toEqual([401, 'no_token: a token is missing', 'Bearer']);
    for (const [path, body] of [
      ['/v1/shown', { error: { code: 'no_token', message: 'a token is missing' } }],
      ['/nowhere', { code: 16, message: 'a token is missing' }],
    ] as const) {
      const refused = await send(path);
      expect([refused[0], JSON.parse(refused[1])]).toEqual([401, body]);
    }
    expect((await post(LINE, { ...csv, authorization: 'Bearer good' }))[0]).toBe(202);
    expect(asked).toEqual([
      ['POST', '/lines'],
      ['GET', '/v1/shown'],
      ['GET', '/nowhere'],
      ['POST', '/lines'],
    ]);
  });

  it('may be asked elsewhere: what it finds out reaches the route, and spans wait for it', async () => {
    await start({
      access: async ({ headers: { authorization } }) => {
        await new Promise(setImmediate);
        return authorization === undefined
          ? { status: 401, code: 'no_token', message: 'a token is missing' }
          : { isAllowed: true, identity: authorization };
      },
    });
    const headers = { ...csv, authorization: 'globex' };
    expect((await send('/v1/shown', { headers })).slice(0, 2)).toEqual([200, '{"shown":true,"identity":"globex"}\n']);
    expect((await send('/v1/shown'))[0]).toBe(401);
    expect((await post(LINE))[0]).toBe(401);
    expect((await post(LINE, headers)).slice(0, 2)).toEqual([202, '1 spans']);
    expect((await post(gzipSync(LINE), { ...headers, 'content-encoding': 'gzip' }))[0]).toBe(202);
  });

  it('counts who has gone while the check was waited for, and logs nothing', async () => {
    const asked: { readonly request: IncomingMessage; readonly allow: () => void }[] = [];
    await start({
      access: (request) =>
        new Promise((resolve) => {
          asked.push({ request: request as IncomingMessage, allow: () => resolve({ isAllowed: true }) });
        }),
    });
    const leaving = new AbortController();
    const init = { method: 'POST', headers: csv, body: LINE, signal: leaving.signal };
    const left = send('/lines', init).catch(String);
    await expect.poll(() => asked.length).toBe(1);
    leaving.abort();
    expect(await left).toContain('aborted');
    await expect.poll(() => asked[0]?.request.destroyed).toBe(true);
    asked[0]?.allow();
    await expect.poll(() => registry.metrics()).toContain('throughline_otlp_http_requests_total{outcome="aborted"} 1');
    expect(logged).toEqual([]);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('the directory is away'))],
    [
      'throws',
      () => {
        throw new Error('a bug');
      },
    ],
  ] satisfies [string, AccessCheck][])('answers 500 where the check %s, which is logged', async (_, access) => {
    await start({ access });
    expect((await post(LINE)).slice(0, 2)).toEqual([500, 'internal: internal error']);
    expect((await send('/v1/shown'))[0]).toBe(500);
    expect(logged).toEqual(['OTLP/HTTP request failed', 'OTLP/HTTP request failed']);
  });

  it('is not asked about strangers, who learn of no path either, nor about a preflight of a page that may send', async () => {
    const asked: unknown[] = [];
    await start({
      access: ({ url }) => {
        asked.push(url);
        return { isAllowed: true };
      },
    });
    const foreign = { ...csv, origin: 'https://evil.example' };
    expect((await post(LINE, foreign))[0]).toBe(403);
    expect((await post(LINE, foreign, '/nowhere'))[0]).toBe(403);
    const page = { origin: 'http://localhost:5173', 'access-control-request-method': 'POST' };
    expect((await send('/lines', { method: 'OPTIONS', headers: page }))[0]).toBe(204);
    expect(asked).toEqual([]);
    expect((await send('/nowhere', { method: 'OPTIONS', headers: page }))[0]).toBe(404);
    expect(asked).toEqual(['/nowhere']);
  });
});
