import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpResponseReader, RESPONSE_BYTES_MAX } from './http-response-reader.ts';

/** What is read when the bytes come in pieces that end at `cuts`. */
function read(bytes: Buffer, cuts: readonly number[] = [], isEnded = false) {
  const reader = new HttpResponseReader();
  let from = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    if (cut > from) reader.push(bytes.subarray(from, cut));
    from = Math.max(from, cut);
  }
  if (isEnded) reader.end();
  const { status, headers, isComplete, keepsConnection, body } = reader;
  return { status, headers: Object.fromEntries(headers), isComplete, keepsConnection, body: body.toString('latin1') };
}

const text = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1');

describe('an answer', () => {
  it.each<[string, Buffer, object]>([
    ['with a length', text('HTTP/1.1 200 OK', 'Content-Length: 3', '', 'abc'), { body: 'abc', keepsConnection: true }],
    ['with a length that is said twice', text('HTTP/1.1 200 OK', 'Content-Length: 3, 3', '', 'abc'), { body: 'abc' }],
    ['without a word for its status', text('HTTP/1.1 503', 'content-length:0', '', ''), { status: 503 }],
    ['with ends of lines as only LF', Buffer.from('HTTP/1.1 200 OK\ncontent-length: 1\n\na'), { body: 'a' }],
    [
      'in chunks',
      text(
        'HTTP/1.1 200 OK',
        'Transfer-Encoding: gzip, chunked',
        '',
        '3',
        'abc',
        'A;x=1',
        '0123456789',
        '0',
        'x: y',
        '',
        '',
      ),
      { body: 'abc0123456789', keepsConnection: true },
    ],
    ['that has no body', text('HTTP/1.1 204 No Content', '', ''), { status: 204, keepsConnection: true }],
    [
      'that others precede',
      text(
        'HTTP/1.1 100 Continue',
        '',
        'HTTP/1.1 103 x',
        'content-length: 9',
        '',
        'HTTP/1.1 200 OK',
        'content-length: 0',
        '',
        '',
      ),
      { status: 200, headers: { 'content-length': '0' } },
    ],
    [
      'that closes',
      text('HTTP/1.1 200 OK', 'Connection: Close', 'content-length: 0', '', ''),
      { keepsConnection: false },
    ],
    ['of HTTP/1.0', text('HTTP/1.0 200 OK', 'content-length: 0', '', ''), { keepsConnection: false }],
    [
      'of HTTP/1.0 that is kept',
      text('HTTP/1.0 200 OK', 'connection: keep-alive', 'content-length: 0', '', ''),
      { keepsConnection: true },
    ],
    [
      'with more than was asked for',
      text('HTTP/1.1 200 OK', 'content-length: 1', '', 'aHTTP/1.1 200 OK'),
      { body: 'a', keepsConnection: false },
    ],
  ])('%s is read', (_, bytes, expected) => {
    expect(read(bytes)).toMatchObject({ isComplete: true, ...expected });
  });

  it('that only the end of the connection ends is complete then', () => {
    const bytes = text('HTTP/1.1 400 Bad Request', '', 'why');
    expect(read(bytes)).toMatchObject({ isComplete: false });
    expect(read(bytes, [], true)).toMatchObject({ isComplete: true, status: 400, body: 'why', keepsConnection: false });
  });

  it('that breaks off is not complete', () => {
    for (const bytes of [
      text('HTTP/1.1 200 OK', 'content-length: 4', '', 'abc'),
      text('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '4', 'abc'),
      text('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '3', 'abc', '0', ''),
      text('HTTP/1.1 200 OK', 'content-len'),
    ]) {
      expect(read(bytes, [], true)).toMatchObject({ isComplete: false });
    }
  });

  it.each([
    ['another protocol', Buffer.from([0, 0, 0x12, 4]), 'HTTP/1.1'],
    ['HTTP/2', text('HTTP/2 200', '', ''), 'HTTP/1.1'],
    ['a status that is none', text('HTTP/1.1 2000 OK', '', ''), 'no status'],
    ['a switch of protocols', text('HTTP/1.1 101 Switching Protocols', 'upgrade: h2c', '', ''), 'switches protocols'],
    ['a header without a name', text('HTTP/1.1 200 OK', ': x', '', ''), 'no name'],
    ['a length that is none', text('HTTP/1.1 200 OK', 'content-length: -1', '', ''), 'Content-Length .*number'],
    ['two lengths', text('HTTP/1.1 200 OK', 'content-length: 1', 'Content-Length: 2', '', ''), 'two .*Content-Lengths'],
    ['a chunk without a size', text('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', 'x', ''), 'no size'],
    [
      'a chunk beyond its size',
      text('HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '1', 'abc', ''),
      'chunk .*longer',
    ],
    ['a header without end', Buffer.from(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(17_000)}`), 'headers .*too long'],
    ['headers without end', Buffer.from(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(3_000)}`), 'headers .*too long'],
  ])('that is %s is rejected', (_, bytes, why) => {
    expect(() => read(bytes)).toThrow(new RegExp(`^Parse Error: .*HTTP/1.1: .*${why}`));
  });

  it.each([
    ['with a length', 'content-length: 10000000\r\n\r\n'],
    ['until the end', '\r\n'],
    ['in one chunk', 'transfer-encoding: chunked\r\n\r\nfffffff\r\n'],
  ])('that is too long, %s, ends when no more of it is kept', (_, framing) => {
    const answer = read(Buffer.from(`HTTP/1.1 200 OK\r\n${framing}${'x'.repeat(2 * RESPONSE_BYTES_MAX)}`));
    expect(answer).toMatchObject({ isComplete: true, keepsConnection: false });
    expect(answer.body).toHaveLength(RESPONSE_BYTES_MAX);
  });

  it('is the same in whatever pieces it comes', () => {
    const body = fc.string({ unit: 'binary-ascii', maxLength: 300 });
    const chunked = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 8 });
    const header = fc.record({ name: fc.stringMatching(/^x-[a-z]{1,8}$/), value: fc.stringMatching(/^[!-~]{0,20}$/) });
    const cuts = fc.array(fc.nat(1_000), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(header, { maxLength: 5 }), fc.oneof(body, chunked), cuts, (given, content, at) => {
        const framing =
          typeof content === 'string'
            ? `content-length: ${content.length}\r\n\r\n${content}`
            : `transfer-encoding: chunked\r\n\r\n${content.map((each) => `${each.length.toString(16)}\r\n${each}\r\n`).join('')}0\r\n\r\n`;
        const lines = given.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
        const bytes = Buffer.from(`HTTP/1.1 200 OK\r\n${lines}${framing}`, 'latin1');
        const answer = read(
          bytes,
          at.map((cut) => Math.min(cut, bytes.length)),
        );
        expect(answer).toMatchObject({ isComplete: true, keepsConnection: true });
        expect(answer.body).toBe(typeof content === 'string' ? content : content.join(''));
        for (const { name, value } of given) {
          expect(given.filter((each) => each.name === name).map((each) => each.value)).toContain(value);
          expect(answer.headers[name]).toBe(given.findLast((each) => each.name === name)?.value);
        }
      }),
    );
  });

  it('of hostile bytes is rejected or read, and never more than the limits are kept', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('HTTP/1.1 200 OK\r\n', 'transfer-encoding: chunked\r\n', '\r\n', 'ffff\r\n', '0\r\n', 'a: b\r\n')
        .map((line) => Buffer.from(line)),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const reader = new HttpResponseReader();
        const rejected: string[] = [];
        try {
          for (const each of [Buffer.from('HTTP/1.1 200 OK\r\n'), ...pieces]) reader.push(each);
        } catch (error) {
          rejected.push((error as Error).message);
        }
        expect(rejected.filter((message) => !message.startsWith('Parse Error: '))).toEqual([]);
        expect(reader.body.length).toBeLessThanOrEqual(RESPONSE_BYTES_MAX);
      }),
    );
  });
});
