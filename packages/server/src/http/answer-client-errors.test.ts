import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { answerClientErrors } from './answer-client-errors.ts';

let server: Server;
beforeEach(async () => {
  server = createServer({
    requestTimeout: 200,
    headersTimeout: 100,
    connectionsCheckingInterval: 20,
    maxHeaderSize: 8_192,
  });
  answerClientErrors(server, {
    headerBytesMax: 8_192,
    answer: (status, why, isInHeaders) => ({
      contentType: 'text/plain',
      body: `${status}: ${why}${isInHeaders ? '' : ', behind its headers'}`,
    }),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Everything that comes back until the connection is closed. */
async function send(bytes: string | Uint8Array): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return answer;
}

test.each([
  ['TLS', Buffer.from('16030100010100', 'hex'), 400, 'use http:// instead of https://'],
  ['HTTP/2, as gRPC', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'OTLP/gRPC'],
  ['a length that is no number', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400, 'Content-Length'],
  ['a huge path', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431, 'take more than 8192 bytes'],
  ['a head that does not end', 'GET / HTTP/1.1\r\n', 408, 'timed out'],
])('%s is answered with the reason, and the connection is closed', async (_, bytes, status, why) => {
  const answer = await send(bytes);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toContain(`Content-Length: ${body.length}`);
  expect(head).toContain('Connection: close');
  expect(body).toContain(`${status}: `);
  expect(body).toContain(why);
});

test('a body that does not arrive is told from headers that do not', async () => {
  server.on('request', (request) => request.resume());
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n';
  expect(await send(`${head}x`)).toMatch(/timed out .*behind its headers/);
  expect(await send('POST / HTTP/1.1\r\nHost: a\r\n')).not.toContain('behind its headers');
});

test('nothing is written into the middle of another answer', async () => {
  server.on('request', (_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('begin');
  });
  const answer = await send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n');
  expect(answer).not.toContain('400');
});
