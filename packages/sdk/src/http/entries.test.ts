import http, { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import https from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it, vi } from 'vitest';
import { createTestTracer, type TestTracer } from '../testing.ts';
import { httpMiddleware, instrumentHttp } from './index.ts';
import { targetOf } from './request-target.ts';

let server: Server;
let port: number;
const rawHeaders: string[][] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    rawHeaders.push(request.rawHeaders);
    response.end('ok');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => void server.close());

let test: TestTracer;
let removals: (() => void)[];
beforeEach(() => {
  test = createTestTracer();
  removals = [];
  rawHeaders.length = 0;
});
afterEach(() => {
  for (const remove of removals) remove();
});
const instrument = (): void => void removals.push(instrumentHttp(test.tracer));

function get(options: http.RequestOptions, module: Pick<typeof http, 'request'> = http): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = module.request({ host: '127.0.0.1', port, ...options }, (response) => {
      response.on('data', () => {}).on('end', () => resolve(String(response.statusCode)));
    });
    request.on('error', reject).end();
  });
}

/** What mocks, injections and hostile code hand over in the place of a request or a response. */
function oddThings(): [string, unknown][] {
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error('getter');
      },
    },
  );
  const bare = Object.create(null) as object;
  return [
    ['an empty object', {}],
    ['no prototype', bare],
    ['getters that throw', throwing],
    ['a frozen message', Object.freeze(new IncomingMessage(new Socket()))],
    ['a socket that is none', new IncomingMessage({ remoteAddress: '1.2.3.4' } as Socket)],
    ['no socket', new IncomingMessage(undefined as unknown as Socket)],
    ['a response', new ServerResponse(new IncomingMessage(new Socket()))],
  ];
}

describe('the application goes on', () => {
  it('whatever the middleware is handed, and its handler runs once', () => {
    const middleware = httpMiddleware(test.tracer);
    for (const [request, one] of oddThings()) {
      for (const [response, other] of oddThings()) {
        const next = vi.fn<() => void>();
        middleware(one as IncomingMessage, other as ServerResponse, next);
        expect(next, `${request}, ${response}`).toHaveBeenCalledTimes(1);
      }
    }
  });

  it('whatever options a server gets', () => {
    instrument();
    for (const event of ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect']) {
      for (const [request, one] of oddThings()) {
        for (const [response, other] of oddThings()) {
          const handler = vi.fn<() => void>();
          createServer().on(event, handler).emit(event, one, other, Buffer.alloc(0));
          expect(handler, `${event}: ${request}, ${response}`).toHaveBeenCalledTimes(1);
        }
      }
    }
  });

  it('with an error of its own handler as it was thrown', () => {
    instrument();
    const error = new Error('of the application');
    const throwing = createServer(() => {
      throw error;
    });
    const request = new IncomingMessage(new Socket());
    expect(() => throwing.emit('request', request, new ServerResponse(request))).toThrow(error);
    expect(() => http.request('nonsense')).toThrow('Invalid URL');
  });

  it('where another library has put its own requests in the place of those of Node', () => {
    const original = http.request;
    const answers: unknown[] = [{}, Object.create(null), Object.freeze({ on() {} }), null, 7];
    for (const answer of answers) {
      http.request = (() => answer) as unknown as typeof http.request;
      const remove = instrumentHttp(test.tracer);
      expect(http.request('http://api.test/a')).toBe(answer);
      expect(http.request('http://api.test/a', { headers: ['a', 'b'] })).toBe(answer);
      remove();
    }
    http.request = original;
    expect(test.tracer.stats().live).toBe(0);
  });
});

describe('one traceparent', () => {
  const old = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  it.each<[string, unknown]>([
    ['an object', { TraceParent: old }],
    ['an object of early headers', { TraceParent: old, Expect: '100-continue' }],
    ['names and values in turn', ['Host', 'app', 'TraceParent', old, 'traceparent', old]],
    [
      'pairs',
      [
        ['Host', 'app'],
        ['TraceParent', old],
      ],
    ],
  ])('goes out where the headers are %s that has one', async (_, headers) => {
    instrument();
    await get({ headers: headers as http.OutgoingHttpHeaders });
    const sent = (rawHeaders[0] ?? []).filter((_name, at, all) => all[at - 1]?.toLowerCase() === 'traceparent');
    const client = test.spans().find(({ kind }) => kind === 'client');
    expect(sent).toEqual([`00-${client?.traceId}-${client?.spanId}-03`]);
  });

  it('goes out with fetch', async () => {
    instrument();
    await (await fetch(`http://127.0.0.1:${port}/`, { headers: { traceparent: old } })).text();
    const sent = (rawHeaders[0] ?? []).filter((_, at, all) => all[at - 1]?.toLowerCase() === 'traceparent');
    await vi.waitFor(() => expect(test.spans().some(({ kind }) => kind === 'client')).toBe(true));
    const client = test.spans().find(({ kind }) => kind === 'client');
    expect(sent).toEqual([`00-${client?.traceId}-${client?.spanId}-03`]);
  });
});

describe('instrumenting', () => {
  it('twice traces once, with every kind of client', async () => {
    instrument();
    instrument();
    await get({});
    await get({ headers: ['Host', 'app'] });
    await (await fetch(`http://127.0.0.1:${port}/`)).text();
    await vi.waitFor(() => expect(test.spans()).toHaveLength(6));
    expect(
      test
        .spans()
        .map(({ kind }) => kind)
        .toSorted(),
    ).toEqual([...Array(3).fill('client'), ...Array(3).fill('server')]);
  });

  it('and taking it off leaves nothing behind', async () => {
    const before = [http.request, http.get, https.request, https.get];
    const own = [http.Server.prototype, https.Server.prototype].map((each) => Object.hasOwn(each, 'emit'));
    instrumentHttp(test.tracer)();
    expect([http.request, http.get, https.request, https.get]).toEqual(before);
    expect([http.Server.prototype, https.Server.prototype].map((each) => Object.hasOwn(each, 'emit'))).toEqual(own);
    const remove = instrumentHttp(test.tracer);
    const ours = http.request;
    // Somebody wraps it after us, and stays.
    http.request = ((...args: Parameters<typeof ours>) => ours(...args)) as typeof ours;
    remove();
    await get({});
    await get({ headers: ['Host', 'app'] });
    [http.request] = before as [typeof http.request];
    expect(test.spans()).toEqual([]);
  });
});

it('says where Node sends a request', () => {
  const cases: [
    args: unknown[],
    isSecure: boolean,
    origin: string,
    address: string,
    port: number | undefined,
    path: string,
  ][] = [
    [[{ hostname: 'svc.test', port: '', path: '/p' }], false, 'http://svc.test', 'svc.test', 80, '/p'],
    [[{ hostname: 'svc.test', port: 0 }], false, 'http://svc.test', 'svc.test', 80, '/'],
    [
      ['http://127.0.0.1:8080/a?b=1', { headers: { host: 'shop.example' } }],
      false,
      'http://127.0.0.1:8080',
      '127.0.0.1',
      8080,
      '/a?b=1',
    ],
    [[new URL('https://[::1]/x')], true, 'https://[::1]', '::1', 443, '/x'],
    [['http://a.test/x', { port: 81, path: '/y' }], false, 'http://a.test:81', 'a.test', 81, '/y'],
    [
      [{ host: 'a.test', agent: { defaultPort: 8443, protocol: 'https:' } }],
      true,
      'https://a.test:8443',
      'a.test',
      8443,
      '/',
    ],
    [[{ socketPath: '/run/x.sock', path: '/v1' }], false, 'http://localhost', '/run/x.sock', undefined, '/v1'],
    // Of another realm.
    [
      [{ href: 'http://j.test:9/z?q', protocol: 'http:', hostname: 'j.test', port: '9', pathname: '/z', search: '?q' }],
      false,
      'http://j.test:9',
      'j.test',
      9,
      '/z?q',
    ],
    [[{}], true, 'https://localhost', 'localhost', 443, '/'],
  ];
  for (const [args, isSecure, origin, address, expected, path] of cases) {
    expect(targetOf(args, isSecure), JSON.stringify(args)).toEqual({
      request: { method: 'GET', origin, path },
      address,
      port: expected,
    });
  }
});
