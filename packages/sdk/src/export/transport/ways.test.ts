import { Agent } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Tracer, type TracerOptions, type TransportRequest } from '../../index.ts';
import { resolveConfig, withoutCredentials } from '../../config/resolve.ts';
import { newCertificate } from '../../test-support/certificate.ts';
import { evalChild } from '../../test-support/child.ts';
import { readRequest } from '../../test-support/otlp-reader.ts';
import { startProxy, type TestProxy } from '../../test-support/proxy.ts';
import { startSink, type Sink } from '../../test-support/sink.ts';

const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function closed<T extends { close(): Promise<unknown> }>(closable: T): T {
  closing.push(() => closable.close());
  return closable;
}

function newTracer(options: TracerOptions): { tracer: Tracer; lines: string[] } {
  const lines: string[] = [];
  const retry = { maxAttempts: 1 };
  const tracer = new Tracer({ register: false, log: (line) => void lines.push(line), retry, ...options });
  closing.push(() => tracer.shutdown(1000));
  return { tracer, lines };
}

/** Sends one span a request, and returns how many arrived. */
async function send(tracer: Tracer, spans = 1): Promise<number> {
  for (let i = 0; i < spans; i++) {
    tracer.startSpan('x').end();
    await tracer.flush(10_000);
  }
  return tracer.stats().exported;
}

const CERTIFICATE = newCertificate('DNS:collector.test');
const PROXY_CERTIFICATE = newCertificate('IP:127.0.0.1');

/** A collector that only the proxy knows, as `collector.test`. */
async function behindProxy(
  isSecure: boolean,
  options: Parameters<typeof startProxy>[1] = {},
): Promise<{ sink: Sink; proxy: TestProxy; endpoint: string; tls: { ca: string } }> {
  const sink = closed(await startSink(undefined, 0, isSecure ? CERTIFICATE : undefined));
  const proxy = closed(await startProxy({ 'collector.test': sink.port }, options));
  const endpoint = `${isSecure ? 'https' : 'http'}://collector.test:4318`;
  return { sink, proxy, endpoint, tls: { ca: CERTIFICATE.cert } };
}

describe('through a proxy', () => {
  it('a collector with http is asked for by its whole address', async () => {
    const { sink, proxy, endpoint } = await behindProxy(false);
    const { tracer, lines } = newTracer({ endpoint, proxy: proxy.url, headers: { authorization: 'Bearer x' } });
    expect(await send(tracer, 2)).toBe(2);
    expect(proxy.asked).toEqual(Array(2).fill('POST http://collector.test:4318/v1/traces'));
    expect(sink.requests[0]).toMatchObject({ host: 'collector.test:4318', authorization: 'Bearer x' });
    expect(lines).toEqual([]);
  });

  it('a collector with https gets a tunnel, which is kept', async () => {
    const { sink, proxy, endpoint, tls } = await behindProxy(true);
    const { tracer, lines } = newTracer({ endpoint, tls, proxy: proxy.url, headers: { authorization: 'Bearer x' } });
    expect(await send(tracer, 3)).toBe(3);
    expect(proxy.asked).toEqual(['CONNECT collector.test:4318']);
    expect(sink.requests).toMatchObject(
      Array.from({ length: 3 }, () => ({ host: 'collector.test:4318', authorization: 'Bearer x' })),
    );
    expect(lines).toEqual([]);
  });

  it("that wants a user is given the one of its address, and the collector's certificate is still checked", async () => {
    const { proxy, endpoint, tls } = await behindProxy(true, { user: 'ann@b:p/w' });
    const url = proxy.url.replace('//', '//ann%40b:p%2Fw@');
    expect(await send(newTracer({ endpoint, tls, proxy: url }).tracer)).toBe(1);
    const strict = newTracer({ endpoint, proxy: url });
    expect(await send(strict.tracer)).toBe(0);
    expect(strict.lines[0]).toContain('set `tls.ca`');
  });

  it.each([false, true])(
    'that refuses is named, with what to do, and never its password (https: %s)',
    async (isSecure) => {
      const { proxy, endpoint, tls } = await behindProxy(isSecure, { user: 'ann:right' });
      const { tracer, lines } = newTracer({ endpoint, tls, proxy: proxy.url.replace('//', '//ann:s3cr3t@') });
      expect(await send(tracer)).toBe(0);
      expect(lines[0]).toMatch(/407.*\(the proxy requires .*http:\/\/user:password@host/);
      expect(lines.join()).not.toContain('s3cr3t');
    },
  );

  it('that is not there is named', async () => {
    const away = closed(await startSink());
    await away.close();
    for (const scheme of ['http', 'https']) {
      const { tracer, lines } = newTracer({ endpoint: `${scheme}://collector.test`, proxy: away.url });
      expect(await send(tracer)).toBe(0);
      expect(lines[0]).toMatch(/ECONNREFUSED .*\(via proxy http:\/\/127\.0\.0\.1:\d+\) \(.*`proxy`/);
    }
  });

  it('that never answers takes no longer than a request may', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    closing.push(() => void silent.close());
    const address = silent.address();
    const proxy = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    for (const endpoint of ['http://collector.test', 'https://collector.test']) {
      const { tracer, lines } = newTracer({ endpoint, proxy, exportTimeoutMillis: 50 });
      expect(await send(tracer)).toBe(0);
      expect(lines[0]).toMatch(/(timed out|no tunnel) after 50 ms/);
      await tracer.shutdown();
    }
  });

  it.each([false, true])('with TLS of its own it works as well (https: %s)', async (isSecure) => {
    const { sink, proxy, endpoint } = await behindProxy(isSecure, { tls: PROXY_CERTIFICATE });
    // The authorities for a proxy are the process's.
    const child = evalChild(
      `import { writeFileSync } from 'node:fs';
      import { Tracer } from './src/index.ts';
      const tracer = new Tracer({ endpoint: '${endpoint}', tls: { ca: process.env.CA }, log: console.error });
      tracer.startSpan('x').end();
      await tracer.shutdown();
      tracer.stats().exported;`,
      {
        HTTP_PROXY: proxy.url,
        HTTPS_PROXY: proxy.url,
        NO_PROXY: '',
        CA: CERTIFICATE.cert,
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        NODE_NO_WARNINGS: '1',
      },
    );
    expect([(await child.exited()).code, child.stderr()]).toEqual([0, '']);
    expect([sink.spans.length, proxy.asked.length]).toEqual([1, 1]);
  });

  it.each([false, true])('what waits at process.exit goes as well (https: %s)', async (isSecure) => {
    const { sink, proxy, endpoint } = await behindProxy(isSecure, { user: 'ann:secret' });
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
      const tracer = new Tracer({ endpoint: '${endpoint}', tls: { ca: process.env.CA }, flushTimeoutMillis: 60_000 });
      tracer.startSpan('x').end();
      process.exit();`,
      {
        http_proxy: proxy.url.replace('http://', 'ann:secret@'),
        https_proxy: proxy.url.replace('//', '//ann:secret@'),
        CA: CERTIFICATE.cert,
      },
    );
    expect([(await child.exited()).code, child.stderr()]).toEqual([0, '']);
    expect([sink.spans.length, proxy.asked.length]).toEqual([1, 1]);
  });
});

function proxiesOf(env: Record<string, string>, options: TracerOptions = {}): unknown {
  const { proxies, sources, warnings } = resolveConfig(options, env);
  return { ...proxies, source: sources['proxy'], warnings };
}

it('that is asked for a tunnel is left alone once the tracer has shut down', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined).resume());
  const end = new Promise<void>((resolve) => {
    silent.on('connection', (socket) => socket.on('close', () => resolve()));
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  closing.push(() => void silent.close());
  const address = silent.address();
  const proxy = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const { tracer } = newTracer({ endpoint: 'https://collector.test', proxy, exportTimeoutMillis: 3_600_000 });
  tracer.startSpan('x').end();
  await tracer.shutdown(50);
  await end;
  expect(tracer.stats()).toMatchObject({ dropped: { shutdown: 1 } });
});

describe('what is wrong with an address', () => {
  it('never shows a password, whatever characters it has', () => {
    const { warnings } = resolveConfig(
      {},
      { HTTPS_PROXY: 'http://u:sEc/ReT#1?x@h:1', OTEL_EXPORTER_OTLP_ENDPOINT: 'x://u:sEc/ReT@h' },
    );
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).not.toMatch(/sEc|ReT/);
    expect(() => resolveConfig({ endpoint: 'http://u:sEc/ReT@h:1' }, {})).toThrow(/^endpoint: got "http:\/\/…@h:1"/);
  });

  it('is said of a unix socket as well, and stops no application from the environment', () => {
    const { warnings } = resolveConfig({}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'unix:///run/100%.sock' });
    expect(warnings).toEqual([expect.stringMatching(/^OTEL_EXPORTER_OTLP_ENDPOINT is ignored/)]);
    expect(() => resolveConfig({ endpoint: 'unix:///run/100%.sock' }, {})).toThrow(/^endpoint: got/);
  });
});

describe("the environment's proxies", () => {
  it('are those that curl reads, by scheme', () => {
    expect(proxiesOf({ HTTPS_PROXY: 'http://a:1', http_proxy: 'b:2', NO_PROXY: '.internal' })).toEqual({
      https: 'http://a:1/',
      http: 'http://b:2/',
      except: '.internal',
      source: 'HTTPS_PROXY',
      warnings: [],
    });
    expect(proxiesOf({ https_proxy: 'http://a:1', HTTPS_PROXY: 'http://b:1' })).toMatchObject({ https: 'http://a:1/' });
    expect(proxiesOf({})).toMatchObject({ https: undefined, http: undefined, source: 'default' });
  });

  it('are not what a request can set in a CGI program', () => {
    expect(proxiesOf({ HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET' })).toMatchObject({ http: undefined });
    expect(proxiesOf({ http_proxy: 'http://good', REQUEST_METHOD: 'GET' })).toMatchObject({ http: 'http://good/' });
  });

  it('are ignored with a warning where they are of another kind, and the password is not shown', () => {
    expect(proxiesOf({ HTTPS_PROXY: 'socks5://ann:s3cr3t@a:1' })).toEqual({
      https: undefined,
      http: undefined,
      except: '',
      source: 'default',
      warnings: [expect.stringMatching(/^HTTPS_PROXY is ignored: got "socks5:\/\/…@a:1", /)],
    });
    expect(() => resolveConfig({ proxy: 'socks5://ann:s3cr3t@a:1' }, {})).toThrow(/^proxy: got "socks5:\/\/…@a:1"/);
  });

  it('give way to the option', () => {
    const env = { HTTPS_PROXY: 'http://a:1', NO_PROXY: '*' };
    expect(proxiesOf(env, { proxy: false })).toMatchObject({ https: undefined, source: 'option' });
    expect(proxiesOf(env, { proxy: 'b:2' })).toMatchObject({ https: 'http://b:2/', http: 'http://b:2/', except: '' });
  });

  it('are shown without credentials', () => {
    const config = withoutCredentials(resolveConfig({ proxy: 'http://ann:s3cr3t@b:2' }, {}));
    expect(config.proxies).toMatchObject({ https: 'http://REDACTED:REDACTED@b:2/' });
    expect(JSON.stringify(config)).not.toContain('s3cr3t');
  });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'socket of a collector-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('a unix socket', () => {
  it('is an endpoint', async () => {
    const sink = closed(await startSink(undefined, join(newFolder(), 'c.sock')));
    const { tracer, lines } = newTracer({ endpoint: sink.url });
    expect(await send(tracer, 2)).toBe(2);
    expect(sink.requests[0]).toMatchObject({ host: 'localhost' });
    expect(lines).toEqual([]);
    const encoded = new URL(sink.url).pathname;
    expect(tracer.config.tracesUrl).toBe(`unix://${encoded}:/v1/traces`);
    expect(tracer.config.metricsUrl).toBe(`unix://${encoded}:/v1/metrics`);
  });

  it('is one at process.exit, too, and with a path of its own', async () => {
    const paths: (string | undefined)[] = [];
    const socket = join(newFolder(), 'c.sock');
    const sink = closed(
      await startSink((response, _, request) => {
        paths.push(request.url);
        response.end();
      }, socket),
    );
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
      new Tracer({ flushTimeoutMillis: 60_000 }).startSpan('x').end();
      process.exit();`,
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `unix://${socket}:/otlp/v1/traces` },
    );
    expect([(await child.exited()).code, child.stderr()]).toEqual([0, '']);
    expect([sink.spans.length, paths]).toEqual([1, ['/otlp/v1/traces']]);
  });

  it('that nobody listens on is named', async () => {
    const { tracer, lines } = newTracer({ endpoint: `unix://${newFolder()}/none.sock` });
    expect(await send(tracer)).toBe(0);
    expect(lines[0]).toMatch(/unix:.*none\.sock.* failed: .*ENOENT.*unix socket\?/);
  });
});

describe('an agent of the application', () => {
  it('makes the connections, and stays open', async () => {
    const sink = closed(await startSink());
    class CountingAgent extends Agent {
      connections = 0;
      override createConnection(...args: Parameters<Agent['createConnection']>): ReturnType<Agent['createConnection']> {
        this.connections++;
        return super.createConnection(...args);
      }
    }
    const agent = new CountingAgent({ keepAlive: true });
    closing.push(() => agent.destroy());
    const { tracer } = newTracer({ endpoint: sink.url, agent, proxy: 'http://127.0.0.1:1' });
    expect(await send(tracer, 3)).toBe(3);
    await tracer.shutdown();
    expect([agent.connections, Object.values(agent.freeSockets).flat().length]).toEqual([1, 1]);
  });

  it('of the wrong kind is a failure that says so', async () => {
    const { tracer, lines } = newTracer({ endpoint: 'https://127.0.0.1:1', agent: new Agent() });
    expect(await send(tracer)).toBe(0);
    expect(lines[0]).toMatch(/https endpoint .*`agent` of node:https/);
    expect(() => newTracer({ agent: {} as Agent })).toThrow(/^agent: got .*, expected .*node:http/);
  });
});

function exiting(transport: string): ReturnType<typeof evalChild> {
  return evalChild(
    `import { Tracer } from './src/index.ts';
    const tracer = new Tracer({ transport: { send: () => new Promise(() => {}), ${transport} } });
    tracer.startSpan('x').end();
    process.on('exit', () => console.log(tracer.stats().exported, tracer.stats().dropped.shutdown));
    process.exit();`,
  );
}

describe('a transport of the application', () => {
  it('may be fetch, in one line', async () => {
    const sink = closed(await startSink());
    const { tracer, lines } = newTracer({
      endpoint: sink.url.replace('//', '//ann:secret@'),
      compression: 'gzip',
      transport: { send: ({ url, ...request }, signal) => fetch(url, { ...request, signal }) },
    });
    expect(await send(tracer, 2)).toBe(2);
    expect(sink.requests[0]).toMatchObject({
      authorization: `Basic ${Buffer.from('ann:secret').toString('base64')}`,
      'content-type': 'application/x-protobuf',
      'content-encoding': 'gzip',
    });
    expect(lines).toEqual([]);
  });

  it('is not traced, and its requests are retried by what they were answered', async () => {
    let requests = 0;
    let recorded: boolean | undefined;
    const { tracer, lines } = newTracer({
      retry: { initialDelayMillis: 1 },
      transport: {
        send: () => {
          recorded = tracer.startSpan('within').isRecording();
          return Promise.resolve({ status: requests++ === 0 ? 503 : 200, headers: { 'retry-after': '0' } });
        },
      },
    });
    expect(await send(tracer)).toBe(1);
    expect([requests, recorded]).toEqual([2, false]);
    expect(lines).toHaveLength(2);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no way');
      },
      /: no way;/,
    ],
    ['rejects', () => Promise.reject(new Error('no way')), /: no way;/],
    ['rejects with nothing', () => Promise.reject(undefined), /: undefined;/],
    ['answers nothing', () => undefined, /without a status/],
    ['answers nonsense', () => ({ status: 'fine' }), /without a status/],
    [
      'answers what throws',
      () => ({
        status: 200,
        headers: {},
        get body() {
          throw new Error('got');
        },
      }),
      /: got;/,
    ],
    ['never answers', () => new Promise(() => undefined), /timed out after 20 ms/],
  ])('that %s is a failed request', async (_, sendOne, line) => {
    const { tracer, lines } = newTracer({
      exportTimeoutMillis: 20,
      transport: { send: sendOne as () => Promise<{ status: number }> },
    });
    expect(await send(tracer)).toBe(0);
    expect(tracer.stats()).toMatchObject({ pendingSpans: 0, dropped: { export_failed: 1 } });
    expect(lines[0]).toMatch(line);
  });

  it('may say what it likes: no secret of the request gets into the log', async () => {
    const { tracer, lines } = newTracer({
      endpoint: 'http://ann:s3cr3t%20word@127.0.0.1:9/?key=t0ken-in-query',
      headers: { 'x-api-key': 'abcd-1234', authorization: 'Bearer long-token' },
      transport: {
        send: (request) =>
          Promise.reject(new Error(`${JSON.stringify(request)} s3cr3t word t0ken-in-query long-token`)),
      },
    });
    expect(await send(tracer)).toBe(0);
    expect(lines.join()).not.toMatch(/s3cr3t|t0ken|abcd-1234|long-token/);
    expect(tracer.stats().lastError).not.toMatch(/s3cr3t|t0ken|abcd-1234|long-token/);
  });

  it('that is slow holds the end of the process no longer than a flush may take', async () => {
    // It answers long after it was given up; whoever ends a span whenever the event loop runs empty must not keep the
    // process by that.
    const child = evalChild(
      `import { Tracer } from './src/index.ts';
      const answered = () => new Promise((resolve) => setTimeout(() => resolve({ status: 200 }), 1500));
      const tracer = new Tracer({ flushTimeoutMillis: 50, transport: { send: answered }, log: () => {} });
      process.on('beforeExit', () => tracer.span('once more', () => {}));
      tracer.span('x', () => {});`,
    );
    expect(await child.exited()).toEqual({ code: 0, signal: null });
  });

  it('is given up with its signal when the process is to end', async () => {
    const child = evalChild(
      `import { createServer } from 'node:http';
      import { Tracer } from './src/index.ts';
      const held = { send: (_, signal) => new Promise((_resolve, reject) => {
        const hold = setInterval(() => {}, 1000);
        signal.addEventListener('abort', () => { clearInterval(hold); reject(signal.reason); });
      }) };
      new Tracer({ flushTimeoutMillis: 50, exportTimeoutMillis: 3_600_000, transport: held, log: () => {} }).span('x', () => {});`,
    );
    expect(await child.exited()).toEqual({ code: 0, signal: null });
  });

  it('is aborted when the time is up and when the tracer shuts down, and is closed once', async () => {
    const reasons: string[] = [];
    let closes = 0;
    const transport = {
      send: (_: TransportRequest, signal: AbortSignal) =>
        new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(String(signal.reason));
            reject(signal.reason as Error);
          });
        }),
      close: () => {
        closes++;
        throw new Error('and throws');
      },
    };
    const { tracer } = newTracer({ transport, exportTimeoutMillis: 20, retry: { maxAttempts: 9 } });
    await send(tracer);
    const slow = newTracer({ transport, exportTimeoutMillis: 60_000 });
    slow.tracer.startSpan('x').end();
    await slow.tracer.shutdown(20);
    await slow.tracer.shutdown(20);
    expect(reasons).toContainEqual(expect.stringMatching(/timed out after 20 ms/));
    expect(reasons).toContainEqual(expect.stringMatching(/shut down/));
    expect(closes).toBe(1);
  });

  it('may keep the bodies: they are its own', async () => {
    const bodies: Uint8Array[] = [];
    const { tracer } = newTracer({
      transport: { send: ({ body }) => Promise.resolve({ status: 200, ...(bodies.push(body) && {}) }) },
    });
    await send(tracer, 20);
    const ids = bodies.flatMap((body) => readRequest(Buffer.from(body)).map(({ spanId }) => spanId));
    expect(new Set(ids).size).toBe(20);
  });

  it('may send while the process stands still, or not', async () => {
    expect(await exiting('sendBlocking: (requests) => requests.map(() => 200)').line()).toBe('1 0');
    for (const none of ['', 'sendBlocking: () => { throw 1; }', 'sendBlocking: () => undefined']) {
      expect(await exiting(none).line()).toBe('0 1');
    }
  });

  it('is rejected where it is none', () => {
    expect(() => newTracer({ transport: {} as never })).toThrow(/^transport: got .*, expected an object/);
    expect(() => newTracer({ transport: { send: fetch, close: 1 } as never })).toThrow(/^transport\.close: got "?1"?/);
  });
});
