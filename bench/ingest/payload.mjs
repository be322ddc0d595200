/**
 * OTLP requests as a fleet of services would send them: 30 services, 300 operations, 8 resource attributes, 10 or 11
 * attributes a span of which three are nearly unique. Encoded once; `stamp` makes the next request out of the bytes.
 */
export const SPANS_PER_REQUEST = 512;
export const SERVICES = 30;
export const OPERATIONS_PER_SERVICE = 10;
export const SPANS_PER_TRACE = 8;

/** A small generator of repeatable randomness (mulberry32); answers integers below `below`. */
export function randomFrom(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000) * below || 0;
  };
}

export const field = (number, wireType) => varint((number << 3) | wireType);

export function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

export function delimited(number, content) {
  return Buffer.concat([field(number, 2), varint(content.length), content]);
}

export const text = (number, value) => delimited(number, Buffer.from(value));

export function fixed64(number, value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return Buffer.concat([field(number, 1), bytes]);
}

function anyValue(value) {
  if (typeof value === 'string') return text(1, value);
  if (typeof value === 'boolean') return Buffer.concat([field(2, 0), varint(Number(value))]);
  if (Number.isInteger(value)) return Buffer.concat([field(3, 0), varint(value)]);
  const double = Buffer.alloc(8);
  double.writeDoubleLE(value);
  return Buffer.concat([field(4, 1), double]);
}

export function attributes(number, values) {
  const pairs = Object.entries(values);
  return pairs.map(([key, value]) => delimited(number, Buffer.concat([text(1, key), delimited(2, anyValue(value))])));
}

export function resource(service) {
  return Buffer.concat(
    attributes(1, {
      'service.name': `shop-service-${service}`,
      'service.version': `1.${service}.7`,
      'service.instance.id': `shop-service-${service}-7d9f8b6c5-x${service}kq2`,
      'deployment.environment.name': 'production',
      'host.name': `ip-10-0-3-${service}`,
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.sdk.version': '2.1.0',
    }),
  );
}

export const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT'];

function spanAttributes(random, operation) {
  const item = Math.floor(random(1e6));
  const values = {
    'http.request.method': METHODS[Math.floor(random(METHODS.length))],
    'url.path': `/api/v1/resource-${operation}/${item}`,
    'url.scheme': 'https',
    'server.address': `backend-${operation % 7}.shop.internal`,
    'server.port': 8443,
    'http.response.status_code': random(100) < 3 ? 500 : 200,
    'network.protocol.version': '1.1',
    'user_agent.original': `ShopClient/${Math.floor(random(20))}.0 (Linux; x86_64) Node/20`,
    'app.user.id': `user-${Math.floor(random(100_000))}`,
    'app.request.bytes': Math.floor(random(60_000)),
  };
  return random(3) < 1 ? { ...values, 'app.cache.hit': random(2) < 1 } : values;
}

function span(random, service) {
  const operation = service * OPERATIONS_PER_SERVICE + Math.floor(random(OPERATIONS_PER_SERVICE));
  const isError = random(100) < 3;
  return Buffer.concat([
    delimited(1, Buffer.alloc(16, 1)),
    delimited(2, Buffer.alloc(8, 1)),
    delimited(4, Buffer.alloc(8, 1)),
    text(5, `${METHODS[operation % METHODS.length]} /api/v1/resource-${operation}/{id}`),
    field(6, 0),
    varint(2 + (operation % 2)),
    fixed64(7, 0),
    fixed64(8, 0),
    ...attributes(9, spanAttributes(random, operation)),
    isError ? delimited(15, Buffer.concat([field(3, 0), varint(2)])) : Buffer.alloc(0),
    field(16, 5),
    Buffer.from([1, 1, 0, 0]),
  ]);
}

/** One request's bytes and where its spans' ids and times stand in them. */
export class RequestTemplate {
  /** The body; `stamp` changes it in place. */
  bytes;
  /** Where each span's ids and times begin. */
  spans = [];
  #view;

  constructor(number) {
    const random = randomFrom(number + 1);
    const service = number % SERVICES;
    const scope = Buffer.concat([text(1, '@shop/http'), text(2, '0.5.0')]);
    const head = delimited(1, scope);
    const spans = Array.from({ length: SPANS_PER_REQUEST }, () => span(random, service));
    const scopeSpans = Buffer.concat([head, ...spans.map((bytes) => delimited(2, bytes))]);
    const wrapped = delimited(2, scopeSpans);
    this.bytes = delimited(1, Buffer.concat([delimited(1, resource(service)), wrapped]));
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    let at = this.bytes.length - scopeSpans.length + head.length;
    for (const bytes of spans) {
      const begin = at + 1 + varint(bytes.length).length;
      // Ids stand first; the times behind the name and the kind.
      const times = begin + bytes.indexOf(fixed64(7, 0)) + 1;
      const durationNs = Math.floor(50_000 * 1.6 ** random(20));
      this.spans.push({ traceId: begin + 2, spanId: begin + 20, parentId: begin + 30, times, durationNs });
      at = begin + bytes.length;
    }
  }

  /**
   * Makes it the request `number` (below 2^32) of sender `sender`: every id is new, the spans start from `startMs` on.
   * Trace ids are spread over all values, and over the shards of a cluster by their last bytes, as random ones would be.
   */
  stamp(sender, number, startMs) {
    const view = this.#view;
    const startNs = BigInt(Math.floor(startMs)) * 1_000_000n;
    const baseLow = Number(startNs & 0xffff_ffffn);
    const baseHigh = Number(startNs >> 32n);
    for (let index = 0; index < this.spans.length; index++) {
      const { traceId, spanId, parentId, times, durationNs } = this.spans[index];
      const trace = Math.floor(index / SPANS_PER_TRACE);
      view.setUint32(traceId, scatter(number * 64 + trace));
      view.setUint32(traceId + 4, (sender << 16) | trace);
      view.setUint32(traceId + 8, number);
      view.setUint32(traceId + 12, scatter(trace ^ sender));
      view.setUint32(spanId, scatter(number ^ (sender << 28)));
      view.setUint32(spanId + 4, scatter((number << 9) + index));
      const parent = index % SPANS_PER_TRACE === 0 ? index : index - 1;
      view.setUint32(parentId, scatter(number ^ (sender << 28)));
      view.setUint32(parentId + 4, scatter((number << 9) + parent) ^ (parent === index ? 1 : 0));
      const low = baseLow + index * 1_900;
      setNanoseconds(view, times, low, baseHigh);
      setNanoseconds(view, times + 9, low + durationNs, baseHigh);
    }
  }

  /** The trace id of the first span, as hex. */
  get traceId() {
    return this.bytes.toString('hex', this.spans[0].traceId, this.spans[0].traceId + 16);
  }
}

/** One-to-one over 32 bits, and looks random. */
export function scatter(value) {
  let bits = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

export function setNanoseconds(view, at, low, high) {
  view.setUint32(at, low % 0x1_0000_0000, true);
  view.setUint32(at + 4, high + Math.floor(low / 0x1_0000_0000), true);
}
