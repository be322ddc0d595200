import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalMessage } from './normal-message.ts';

/** Whatever may be taken for something else, close together. */
const PARTS = [
  ...Array.from(`'"\`«»“”#@.:/-_, \n\\59afxzé日😀`),
  '{"',
  '[{"',
  '":',
  'card ',
  'x1y2z3"',
  'a1b2c3d4',
  '0xff',
  '10.0.0.1',
  'https://a.b/c?d=1',
  'me@x.org',
  '6f1c9b1e-3b1a-4d0a-9c1e-0123456789ab',
  '::1',
  '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  '\uD83D',
  '\u0661\u0662',
];
const anyMessage = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom(...PARTS), { maxLength: 60 }).map((parts) => parts.join('')),
);

describe('messages of one kind', () => {
  it.each([
    [
      "duplicate key value violates unique constraint 'orders_pk'",
      "duplicate key value violates unique constraint 'users_pk'",
    ],
    ['order 4711 not found', 'order 9 not found'],
    ['no route to 10.1.2.3:5432', 'no route to 192.168.0.1:80'],
    ['no route to fe80::1', 'no route to 2001:db8::8a2e:370:7334'],
    ['GET https://shop.test/orders/1?x=2 failed', 'GET http://localhost:80/ failed'],
    ['mail to ann@example.org bounced', 'mail to ben.b+x@mail.example.com bounced'],
    ['trace 6f1c9b1e-3b1a-4d0a-9c1e-0123456789ab lost', 'trace 00000000-0000-4000-8000-000000000000 lost'],
    ['commit 3f2a9c1 bad object deadbeef12', 'commit 9a8b7c6 bad object 0123456789abcdef'],
    ['job 01ARZ3NDEKTSV4RRFFQ69G5FAV is stuck', 'job 01BX5ZZKBKACTAV9WEVGEMMVS0 is stuck'],
    ['pod payment-7c9d8f66b4-x2x5z evicted', 'pod payment-5d8f7c99d4-p8q1r evicted'],
    ['items 1, 2, 3 are sold out', 'items 17 are sold out'],
    ['timeout at\n  line 12', 'timeout at line 7'],
    ['took ١٢ ms', 'took 90 ms'],
    ["[Errno 2] No such file: 'carts.csv'", "[Errno 2] No such file: 'orders.csv'"],
    ['{shop} user "ann" is locked', '{shop} user "ben" is locked'],
    ['{"error":"card declined","order":4711}', '{"error":"card declined","order":9}'],
    ['{"error": "no such user", "id": "usr_a1b2c3"}', '{"error": "no such user", "id": "usr_4x5y6z7"}'],
    ['[{"code":12,"at":"10.0.0.1"}]', '[{"code":7,"at":"10.0.0.2"}]'],
  ])('are the same: %j and %j', (one, other) => {
    expect(normalMessage(one)).toBe(normalMessage(other));
    expect(normalMessage(one)).toContain('#');
  });

  it.each([
    ["user's card was declined", "user's card has expired"],
    ['ERR_HTTP2_STREAM_CANCEL', 'ERR_HTTP2_SESSION_ERROR'],
    ['std::io::Error', 'std::fmt::Error'],
    ['Verbindung 日本 fehlgeschlagen', 'Verbindung 中国 fehlgeschlagen'],
    ['', 'x'],
    ['{"error":"card declined"}', '{"error":"db down"}'],
    [' {"error": "card declined", "id": 5}', ' {"fault": "card declined", "id": 5}'],
    ['[{"message":"card declined"}]', '[{"message":"db down"}]'],
    ['"card declined"', '"db down"'],
    ["{'error': 'card declined'}", "{'error': 'db down'}"],
    ['{"code":"ERR_HTTP2_STREAM_CANCEL"}', '{"code":"ERR_HTTP2_SESSION_ERROR"}'],
    ["'card declined' 17", "'db down' 17"],
  ])('are told from others: %j and %j', (one, other) => {
    expect(normalMessage(one)).not.toBe(normalMessage(other));
  });

  it('stay as they are when they are normalised again, and hold no more than is allowed', () => {
    fc.assert(
      fc.property(anyMessage, fc.integer({ min: 1, max: 90 }), (message, max) => {
        const normal = normalMessage(message, max);
        expect(normalMessage(normal, max)).toBe(normal);
        expect(normal.length).toBeLessThanOrEqual(max);
        expect(normal).not.toMatch(/\p{Nd}|\p{Surrogate}|[\n\r\t]/u);
      }),
      { numRuns: 2_000 },
    );
  });

  it('take little time however long and odd they are', () => {
    for (const part of PARTS) expect(normalMessage(part.repeat(100_000)).length).toBeLessThanOrEqual(80);
    expect(normalMessage(`${'a1'.repeat(900)}b`).length).toBeLessThanOrEqual(80);
  });
});
