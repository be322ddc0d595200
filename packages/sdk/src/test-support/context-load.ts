/**
 * A traced server and clients that keep their connections and pipeline: `context-load.ts REQUESTS CONNECTIONS`. Each
 * request brings a trace id of its own and asks, after awaits, timers, streams and emitters, what trace is active. It
 * prints what it counted as JSON.
 */
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { instrumentHttp } from '../http/index.ts';
import { Tracer } from '../tracer.ts';

const [requests = 0, connections = 0] = process.argv.slice(2).map(Number);
const PIPELINED = 4;
const TRACE_ID = /[0-9a-f]{32}|none/;

const tracer = new Tracer({
  service: 'load',
  endpoint: 'http://127.0.0.1:9',
  maxQueueBytes: 1,
  flushOnExit: false,
  log: () => undefined,
});
instrumentHttp(tracer);

const traceIdHere = (): string => tracer.activeSpan()?.spanContext().traceId ?? 'none';

/** Emits from outside of any request what each request has put on it: only what was bound knows its trace. */
const shared = new EventEmitter().setMaxListeners(0);
setInterval(() => shared.emit('tick'), 1).unref();

const ways: readonly ((request: IncomingMessage) => Promise<string>)[] = [
  async () => {
    await sleep(1);
    return await tracer.span('work', async () => {
      await turn();
      return traceIdHere();
    });
  },
  (request) =>
    new Promise((resolve) => {
      request.on('end', () => setImmediate(() => resolve(traceIdHere()))).resume();
    }),
  async () => {
    for await (const part of Readable.from(['a', 'b'])) await Promise.resolve(part);
    return traceIdHere();
  },
  () =>
    new Promise((resolve) =>
      shared.once(
        'tick',
        tracer.bind(() => resolve(traceIdHere())),
      ),
    ),
  () => new Promise((resolve) => process.nextTick(() => queueMicrotask(() => resolve(traceIdHere())))),
];

const server = createServer((request, response) => {
  const way = ways[Number(request.url?.slice(1)) % ways.length];
  void way?.(request).then((seen) => response.end(seen));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const counted = { answered: 0, leaked: 0, lost: 0 };
const idOf = (n: number): string => `${'a'.repeat(24)}${n.toString(16).padStart(8, '0')}`;
let next = 1;

/** Sends requests on one connection, several at a time without waiting, until all have been asked. */
async function runConnection(): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  while (next <= requests) {
    const asked: number[] = [];
    for (let i = 0; i < PIPELINED && next <= requests; i++) asked.push(next++);
    socket.write(asked.map(requestText).join(''));
    for (const [i, seen] of (await answersOn(socket, asked.length)).entries()) {
      counted.answered++;
      if (seen === 'none') counted.lost++;
      else if (seen !== idOf(asked[i] ?? 0)) counted.leaked++;
    }
  }
  socket.destroy();
}

function requestText(n: number): string {
  return `GET /${n} HTTP/1.1\r\nHost: load\r\ntraceparent: 00-${idOf(n)}-00000000${n.toString(16).padStart(8, '0')}-01\r\n\r\n`;
}

function answersOn(socket: Socket, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (data: Buffer): void => {
      text += data.toString('latin1');
      // Each answer is 32 digits after its headers, or `none`; dates and lengths are shorter than that.
      const answers = text.split('\r\n\r\n').slice(1);
      const seen = answers.map((answer) => TRACE_ID.exec(answer)?.[0]).filter((id) => id !== undefined);
      if (seen.length < count) return;
      socket.off('data', onData).off('error', reject);
      resolve(seen);
    };
    socket.on('data', onData).on('error', reject);
  });
}

await Promise.all(Array.from({ length: connections }, runConnection));
const { started, live } = tracer.stats();
console.log(JSON.stringify({ ...counted, outside: traceIdHere(), started, live }));
server.closeAllConnections();
server.close();
await tracer.shutdown(100);
