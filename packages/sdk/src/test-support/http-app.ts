/**
 * A traced application in a process of its own: `http-app.ts COLLECTOR_URL`. It prints its port, and ends, flushed,
 * when its standard input closes.
 */
import { once } from 'node:events';
import { createServer, get, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { instrumentHttp } from '../http/index.ts';
import { Tracer } from '../tracer.ts';

const [collectorUrl = ''] = process.argv.slice(2);
const tracer = new Tracer({ service: 'app', endpoint: collectorUrl, scheduledDelayMillis: 20 });
const remove = instrumentHttp(tracer, {
  route: ({ url = '' }) => (url.startsWith('/items/') ? '/items/{id}' : undefined),
  ignoreIncoming: ({ url }) => url === '/health',
  ignoreOutgoing: ({ path }) => path === '/ignored',
});

const traceIdHere = (): string => tracer.activeSpan()?.spanContext().traceId ?? 'none';

/** What each path does; the answer is the id of the trace that it sees at the end. */
const handlers: Record<string, (request: IncomingMessage, url: URL, response: ServerResponse) => Promise<string>> = {
  '/await': async () => {
    await sleep(5);
    return await tracer.span('work', async () => {
      await sleep(5);
      return traceIdHere();
    });
  },
  '/body': (incoming) =>
    new Promise((resolve) => {
      const seen = new Set<string>();
      incoming.on('data', () => seen.add(traceIdHere()));
      incoming.on('end', () => resolve([...seen, traceIdHere()].join()));
    }),
  '/slow': async (_, url) => {
    await tracer.span('slow work', () => sleep(Number(url.searchParams.get('ms'))));
    return traceIdHere();
  },
  '/outlived': async (_, __, response) => {
    await tracer.span('slow work', async () => {
      response.writeProcessing();
      await once(response, 'close');
      await sleep(20);
    });
    return traceIdHere();
  },
  '/fail': async (_, __, response) => {
    response.statusCode = 503;
    return traceIdHere();
  },
  '/out': (_, url) =>
    new Promise((resolve) => {
      const send = url.searchParams.get('with') === 'get' ? get : request;
      const options = { signal: AbortSignal.timeout(Number(url.searchParams.get('timeout') ?? 5000)) };
      const outgoing = send(url.searchParams.get('to') ?? '', options, (answer) => {
        answer.resume().on('end', () => resolve(traceIdHere()));
        answer.on('error', (error) => resolve(`${traceIdHere()} ${error.message}`));
      });
      outgoing.on('error', (error) => resolve(`${traceIdHere()} ${error.name}`));
      outgoing.end();
    }),
  '/raw-headers': (_, url) =>
    new Promise((resolve) => {
      const headers = ['x-mine', '1', 'host', 'localhost'];
      const target = new URL(url.searchParams.get('to') ?? '');
      request({ host: target.hostname, port: target.port, path: target.pathname, headers }, (answer) => {
        answer.resume().on('end', () => resolve(traceIdHere()));
      }).end();
    }),
  '/unread': (_, url) =>
    new Promise((resolve) => {
      // Nobody listens for the response: Node reads and discards it.
      const outgoing = request(url.searchParams.get('to') ?? '');
      outgoing.on('close', () => resolve(traceIdHere()));
      outgoing.end();
    }),
  '/fetch': async (_, url) => {
    const signal = AbortSignal.timeout(Number(url.searchParams.get('timeout') ?? 5000));
    try {
      await (await fetch(url.searchParams.get('to') ?? '', { signal })).text();
      return traceIdHere();
    } catch (error) {
      return `${traceIdHere()} ${(error as Error).name}`;
    }
  },
  '/remove': async () => {
    remove();
    return 'removed';
  },
};

const server = createServer((incoming, response) => {
  const url = new URL(incoming.url ?? '', 'http://app');
  const handler = handlers[url.pathname] ?? (async () => traceIdHere());
  void handler(incoming, url, response).then((answer) => response.end(answer));
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));

process.stdin.on('end', () => {
  server.closeAllConnections();
  server.close();
  void tracer.shutdown().then((isAllSent) => process.exit(isAllSent ? 0 : 1));
});
process.stdin.resume();
