/**
 * A collector in a process of its own: it takes OTLP over HTTP, and counts requests, bytes, spans and, with `--ids`,
 * each span id, so that a drop or a repeat shows. It also takes dd-trace's msgpack, of which it counts requests and
 * bytes only. A message asks for the figures.
 */
import { createServer } from 'node:http';

const countIds = process.argv.includes('--ids');
const seen = { requests: 0, bytes: 0, spans: 0, repeats: 0 };
/**
 * Kept as they come and compared when figures are asked for: a Set of millions would be slower than what it watches.
 */
const ids = new BigUint64Array(countIds ? 4_000_000 : 0);

/** Calls back with the contents of each length-delimited field of one number in a protobuf message. */
function eachField(bytes, start, end, wanted, take) {
  let at = start;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      if (tag >>> 3 === wanted && take(at, at + length) === false) return;
      at += length;
    }
  }
}

function countSpans(bytes) {
  const spanId = (at) => {
    ids[seen.spans - 1] = bytes.readBigUInt64BE(at);
    return false;
  };
  const span = (start, end) => {
    seen.spans++;
    if (countIds) eachField(bytes, start, end, 2, spanId);
  };
  eachField(bytes, 0, bytes.length, 1, (start, end) => {
    eachField(bytes, start, end, 2, (from, to) => eachField(bytes, from, to, 2, span));
  });
}

const server = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    seen.requests++;
    for (const part of parts) seen.bytes += part.length;
    response.end(request.url?.startsWith('/v1/traces') ? '' : '{}');
    if (request.url?.startsWith('/v1/traces')) countSpans(Buffer.concat(parts));
  });
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => {
  const sorted = ids.slice(0, countIds ? seen.spans : 0).toSorted();
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) seen.repeats++;
  process.send(seen);
});
process.on('disconnect', () => process.exit(0));
