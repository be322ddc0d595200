import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RequestsInTurn } from './requests-in-turn.ts';

const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const CHUNK = '1\r\nx\r\n';
/** What Node reads from a socket at once. */
const READ_BYTES = 64 * 1024;
const CHUNKS_PER_READ = Math.ceil(READ_BYTES / CHUNK.length);

let server: Server;
let sockets: Socket[];
/** Of each turn of the event loop in which parts came. */
let partsOfTurns: number[];
let bytes: number;
let ended: number;

beforeEach(async () => {
  sockets = [];
  partsOfTurns = [];
  bytes = ended = 0;
  let isTurnOpen = false;
  const requests = new RequestsInTurn(
    (request, response) => {
      request.on('data', (part: Buffer) => {
        bytes += part.length;
        if (!isTurnOpen) {
          isTurnOpen = true;
          partsOfTurns.push(0);
          setImmediate(() => (isTurnOpen = false));
        }
        partsOfTurns.push((partsOfTurns.pop() ?? 0) + 1);
      });
      request.on('end', () => {
        ended += 1;
        response.end('ok');
      });
    },
    { waitingMax: 8, onCut: () => {} },
  );
  server = createServer((request, response) => requests.take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await nextTurn();
}

async function open(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  socket.write(HEAD);
  await once(socket, 'connect');
  return socket;
}

test('of bodies in chunks of one byte one read is taken a turn, whichever connections they are on, and all of them arrive', async () => {
  const CONNECTIONS = 4;
  const CHUNKS = 100_000;
  const blob = CHUNK.repeat(CHUNKS);
  for (let count = 0; count < CONNECTIONS; count++) await open();
  for (const socket of sockets) socket.write(blob);
  await until(() => bytes >= CONNECTIONS * CHUNKS);
  // Before it is known what they are, each is read once.
  expect(Math.max(...partsOfTurns)).toBeLessThanOrEqual(CONNECTIONS * CHUNKS_PER_READ);
  const later = partsOfTurns.filter((parts) => parts > CHUNKS_PER_READ);
  expect(later.length).toBeLessThanOrEqual(2 * CONNECTIONS);
  for (const socket of sockets) socket.write('0\r\n\r\n');
  await until(() => ended >= CONNECTIONS);
  expect(bytes).toBe(CONNECTIONS * CHUNKS);
});

test('a body in large chunks is read beside them as it comes', async () => {
  for (let count = 0; count < 2; count++) {
    const socket = await open();
    socket.write(CHUNK.repeat(200_000));
  }
  await until(() => bytes > 0);
  const other = await open();
  const turns = partsOfTurns.length;
  other.end(`3e8\r\n${'y'.repeat(1_000)}\r\n0\r\n\r\n`);
  await until(() => ended > 0);
  // One is the turn in which it arrives; it waits for none of the others' turns.
  expect(partsOfTurns.length - turns).toBeLessThanOrEqual(4);
});

test('connections that end while they wait hold nobody up', async () => {
  for (let count = 0; count < 8; count++) {
    const socket = await open();
    socket.write(CHUNK.repeat(100_000));
  }
  await until(() => bytes > 0);
  for (const socket of sockets.slice(1)) socket.destroy();
  const [first] = sockets;
  first?.end('0\r\n\r\n');
  await until(() => ended > 0);
  expect(bytes).toBeGreaterThanOrEqual(100_000);
});
