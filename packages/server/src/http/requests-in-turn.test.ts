import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RequestsInTurn } from './requests-in-turn.ts';

let server: Server;
let socket: Socket;
let served: { path: string; response: ServerResponse }[];
let cuts: number;

beforeEach(async () => {
  served = [];
  cuts = 0;
  const requests = new RequestsInTurn(({ url = '' }, response) => served.push({ path: url, response }), {
    waitingMax: 3,
    onCut: () => (cuts += 1),
  });
  server = createServer((request: IncomingMessage, response) => requests.take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
});
afterEach(() => {
  socket.destroy();
  server.closeAllConnections();
  server.close();
});

function ask(...paths: readonly string[]): void {
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
}

async function untilServed(count: number): Promise<void> {
  while (served.length < count) await nextTurn();
}

/** Resolves when the first request that was served has lost its connection. */
async function endOfFirst(): Promise<void> {
  const [first] = served;
  if (first === undefined) throw new Error('nothing was served');
  await once(first.response, 'close');
}

test('a request is served when the one before has been answered, and each gets its own answer', async () => {
  let answers = '';
  socket.on('data', (bytes: Buffer) => (answers += bytes.toString('latin1')));
  ask('/a', '/b', '/c');
  for (const [index, path] of ['/a', '/b', '/c'].entries()) {
    await untilServed(index + 1);
    // Whatever would be served beside it would be by now.
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(served).toHaveLength(index + 1);
    expect(served[index]?.path).toBe(path);
    served[index]?.response.end(`answer to ${path}`);
  }
  while (!answers.includes('answer to /c')) await nextTurn();
  expect(answers.match(/answer to \/./g)).toEqual(['answer to /a', 'answer to /b', 'answer to /c']);
  ask('/d');
  await untilServed(4);
  expect(cuts).toBe(0);
});

test('a connection with one more than may wait is closed, once, and nothing more of it is served', async () => {
  ask(...Array.from({ length: 500 }, (_, index) => `/${index}`));
  await once(socket, 'close');
  await untilServed(1);
  expect(cuts).toBe(1);
  served[0]?.response.end();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(served.map(({ path }) => path)).toEqual(['/0']);
});

test('what waits on a connection that ends is not served', async () => {
  ask('/a', '/b');
  await untilServed(1);
  const closed = endOfFirst();
  socket.destroy();
  await closed;
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(served.map(({ path }) => path)).toEqual(['/a']);
});

test('those that wait are counted over all connections, and no more when theirs has ended', async () => {
  const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
  other.on('error', () => {});
  ask('/a', '/b', '/c', '/d');
  await untilServed(1);
  other.write('GET /e HTTP/1.1\r\nHost: a\r\n\r\nGET /f HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(other, 'close');
  expect(cuts).toBe(1);
  const closed = endOfFirst();
  socket.destroy();
  await closed;
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  ask('/g', '/h', '/i', '/j');
  for (let count = 3; count <= 6; count++) {
    await untilServed(count);
    served[count - 1]?.response.end();
  }
  expect(served.map(({ path }) => path)).toEqual(['/a', '/e', '/g', '/h', '/i', '/j']);
  expect(cuts).toBe(1);
});
