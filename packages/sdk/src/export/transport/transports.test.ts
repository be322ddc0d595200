import { Agent } from 'node:http';
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { connectionMessage } from './http-transport.ts';
import { Tracer, type TracerOptions, type TracerStats } from '../../index.ts';

const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Answers each request on bare sockets; `request` counts those of the connection, from 0. */
type Responder = (socket: Socket, request: number, head: string) => void;

function respond(socket: Socket, body: Uint8Array, headers = '', status = '200 OK'): void {
  socket.write(`HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\n\r\n`);
  socket.write(body);
}

/** ExportTraceServiceResponse with a partial success. */
function partialSuccess(rejectedSpans: number, message: Buffer): Buffer {
  const text = Buffer.concat([Buffer.from([0x12, message.length]), message]);
  const inner = rejectedSpans === 0 ? text : Buffer.concat([Buffer.from([0x08, rejectedSpans]), text]);
  return Buffer.concat([Buffer.from([0x0a, inner.length]), inner]);
}

/** By the SDK's own sockets, and by `node:http` as where an agent or a proxy is on the way. */
describe.each(['sockets', 'node:http'])('over %s', (kind) => {
  const ways = (): TracerOptions => {
    if (kind === 'sockets') return {};
    const agent = new Agent({ keepAlive: true, maxSockets: 2 });
    closing.push(() => agent.destroy());
    return { agent };
  };
  interface Sent {
    readonly stats: TracerStats;
    readonly log: readonly string[];
    readonly connections: number;
  }

  /** Sends so many spans, each in a request of its own. */
  async function send(spans: number, answer: Responder, options: TracerOptions = {}, user = ''): Promise<Sent> {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      let requests = 0;
      let received = Buffer.alloc(0);
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => {
        received = Buffer.concat([received, data]);
        const end = received.indexOf('\r\n\r\n') + 4;
        const head = received.subarray(0, end).toString('latin1');
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        if (end < 4 || received.length < end + length) return;
        received = received.subarray(end + length);
        answer(socket, requests++, head);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const log: string[] = [];
    const tracer = new Tracer({
      register: false,
      flushOnExit: false,
      endpoint: `http://${user}127.0.0.1:${(server.address() as AddressInfo).port}`,
      log: (line) => log.push(line),
      retry: { maxAttempts: 2, initialDelayMillis: 1, maxDelayMillis: 1 },
      ...ways(),
      ...options,
    });
    for (let i = 0; i < spans; i++) {
      const { exported } = tracer.stats();
      tracer.startSpan('x').end();
      expect(await tracer.flush()).toBe(tracer.stats().exported > exported);
    }
    await tracer.shutdown();
    return { stats: tracer.stats(), log, connections };
  }

  const NOTHING = Buffer.alloc(0);

  describe('a kept connection', () => {
    it.each<[string, (socket: Socket) => void]>([
      ['resets', (socket) => socket.resetAndDestroy()],
      ['closes', (socket) => socket.end()],
    ])('that the collector %s as the next request comes is no trouble', async (_, close) => {
      const sent = await send(5, (socket, request) => (request === 0 ? respond(socket, NOTHING) : close(socket)));
      expect(sent).toMatchObject({ log: [], connections: 5, stats: { exported: 5, retries: 0 } });
    });

    it('is used again, but not when the collector is about to close it', async () => {
      const kept = await send(3, (socket) => respond(socket, NOTHING, 'keep-alive: timeout=60\r\n'));
      expect(kept).toMatchObject({ connections: 1, stats: { exported: 3 } });
      const closed = await send(3, (socket) => respond(socket, NOTHING, 'keep-alive: timeout=1\r\n'));
      expect(closed).toMatchObject({ connections: 3, log: [], stats: { exported: 3, retries: 0 } });
    });

    it('on which the collector says more than it was asked is closed', async () => {
      const sent = await send(3, (socket) => {
        respond(socket, NOTHING);
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
      expect(sent).toMatchObject({ log: [], stats: { exported: 3, retries: 0 } });
    });

    it('that the collector gives up for its silence, as the next request comes, is no trouble', async () => {
      const timedOut = 'HTTP/1.1 408 Request Time-out\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
      const sent = await send(3, (socket, request) =>
        request === 0 ? respond(socket, NOTHING) : socket.end(timedOut),
      );
      expect(sent).toMatchObject({ log: [], connections: 3, stats: { exported: 3, retries: 0 } });
    });

    it('that is new and closed is, and is tried again', async () => {
      const sent = await send(1, (socket) => socket.end());
      expect(sent.stats).toMatchObject({ exported: 0, retries: 1, dropped: { export_failed: 1 } });
      expect(sent.connections).toBe(2);
    });
  });

  describe('a request', () => {
    it('says where to, by whom, and what else the application wants said; where it ends is for us to say', async () => {
      let seen = '';
      const headers = {
        'X-Tenant': 'a;b',
        'Content-Length': '1',
        Expect: '100-continue',
        'transfer-encoding': 'chunked',
      };
      const sent = await send(
        1,
        (socket, _, head) => {
          seen = head;
          respond(socket, NOTHING);
        },
        { headers },
      );
      expect(sent.stats).toMatchObject({ exported: 1 });
      const [first, ...lines] = seen.trimEnd().split('\r\n');
      expect(first).toBe('POST /v1/traces HTTP/1.1');
      expect(lines.toSorted()).toEqual([
        expect.stringMatching(/^connection: keep-alive$/i),
        expect.stringMatching(/^content-length: [1-9]\d+$/),
        'content-type: application/x-protobuf',
        expect.stringMatching(/^host: 127\.0\.0\.1:\d+$/),
        expect.stringMatching(/^user-agent: Throughline-OTLP-Exporter-Node\/\d/),
        'x-tenant: a;b',
      ]);
    });

    it('carries the name and the password of the address, but an authorization of the headers before them', async () => {
      const heads: string[] = [];
      const answer: Responder = (socket, _, head) => {
        heads.push(/authorization: (.*)/.exec(head)?.[1] ?? '');
        respond(socket, NOTHING);
      };
      await send(1, answer, {}, 'ann%40b:p%zz@');
      await send(1, answer, { headers: { Authorization: 'Bearer x' } }, 'ann:secret@');
      expect(heads).toEqual([`Basic ${Buffer.from('ann@b:p%zz').toString('base64')}`, 'Bearer x']);
    });
  });

  describe('an answer', () => {
    it('may be preceded by others that only inform', async () => {
      const sent = await send(2, (socket) => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n');
        respond(socket, NOTHING);
      });
      expect(sent).toMatchObject({ log: [], stats: { exported: 2 } });
    });

    it('that is an upgrade fails the request, and holds nothing up', async () => {
      const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n';
      const sent = await send(2, (socket) => socket.write(upgrade));
      expect(sent.stats).toMatchObject({ exported: 0, retries: 2, dropped: { export_failed: 2 } });
    });

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
      ['identity', (bytes: Uint8Array) => bytes],
    ] as const)('in %s that nobody asked for is read', async (encoding, compress) => {
      const body = compress(partialSuccess(1, Buffer.from('no \xff\u001b[2J good', 'latin1')));
      const { stats, log } = await send(1, (socket) => respond(socket, body, `content-encoding: ${encoding}\r\n`));
      expect(stats).toMatchObject({ exported: 0, dropped: { rejected: 1 }, lastError: 'no \ufffd [2J good' });
      expect(log).toHaveLength(1);
    });

    it('that unfolds without end is not unfolded', async () => {
      const bomb = gzipSync(Buffer.alloc(50_000_000));
      const { stats } = await send(1, (socket) => respond(socket, bomb, 'content-encoding: gzip\r\n'));
      expect(stats).toMatchObject({
        exported: 1,
        lastError: expect.stringContaining('unexpected response from') as string,
      });
    });

    it('that redirects to what may hold a key shows none of it', async () => {
      const location = 'location: https://ann:pw@collector.example/v1/traces?api_key=sEcReT\r\n';
      const { log } = await send(1, (socket) => respond(socket, NOTHING, location, '301 Moved'));
      expect(log[0]).toContain(
        '301 redirect to https://…@collector.example/v1/traces?… (not followed) (set `endpoint` to the address',
      );
    });

    it('that takes all spans and has something to say is said once', async () => {
      const body = partialSuccess(0, Buffer.from('this field goes away'));
      const { stats, log } = await send(3, (socket) => respond(socket, body));
      expect(stats).toMatchObject({ exported: 3, lastError: undefined });
      expect(log).toEqual([expect.stringMatching(/^warning from .*http.*: this field goes away$/)]);
    });

    it('that redirects is final, and the log says where to', async () => {
      const location = 'location: https://collector.example/v1/traces\r\n';
      const { stats, log } = await send(2, (socket) => respond(socket, NOTHING, location, '308 Permanent Redirect'));
      expect(stats).toMatchObject({ exported: 0, retries: 0, dropped: { export_failed: 2 } });
      expect(log).toEqual([
        expect.stringContaining('308 redirect to https://collector.example/v1/traces (not followed) (set `endpoint`'),
      ]);
    });

    it('that is not HTTP/1.1 makes the log name the port', async () => {
      const { log } = await send(1, (socket) => socket.end('\0\0\x12\x04\0\0\0\0\0'));
      expect(log[0]).toContain('gRPC is 4317');
    });
  });
});

describe('a connection that fails', () => {
  it('says why, for each address that was tried', () => {
    const tried = ['::1', '127.0.0.1'].map((address) => new Error(`connect ECONNREFUSED ${address}:4318`));
    expect(connectionMessage(new AggregateError(tried))).toBe(
      'connect ECONNREFUSED ::1:4318; connect ECONNREFUSED 127.0.0.1:4318',
    );
    expect(connectionMessage(new Error('read ECONNRESET'))).toBe('read ECONNRESET');
    expect(connectionMessage(new AggregateError([]))).toBe('AggregateError');
  });
});
