/**
 * Traces of eight spans over four of 30 services, 512 spans a request, with attributes as in `ingest/payload.mjs`. Unlike
 * there, a value that is nearly unique is new in every span: a store that was full of repeats would look smaller and
 * faster than it is. The same number gives the same bytes.
 */
import {
  attributes,
  delimited,
  field,
  fixed64,
  METHODS,
  OPERATIONS_PER_SERVICE,
  randomFrom,
  resource,
  scatter,
  SERVICES,
  setNanoseconds,
  SPANS_PER_REQUEST,
  SPANS_PER_TRACE,
  text,
  varint,
} from '../ingest/payload.mjs';

const TRACES = SPANS_PER_REQUEST / SPANS_PER_TRACE;
const SERVICES_PER_TRACE = 4;
const SPANS_PER_SERVICE = SPANS_PER_TRACE / SERVICES_PER_TRACE;
const USERS = 100_000;

/** Spans of one trace start this long after each other and end inside of each other. */
const STEP_NS = 130_000;

function spanBytes(random, operation, isServer, traceState) {
  const values = {
    'http.request.method': METHODS[Math.floor(random(METHODS.length))],
    'url.path': `/api/v1/resource-${operation}/000000`,
    'url.scheme': 'https',
    'server.address': `backend-${operation % 7}.shop.internal`,
    'server.port': 8443,
    'http.response.status_code': random(100) < 3 ? 500 : 200,
    'network.protocol.version': '1.1',
    'user_agent.original': `ShopClient/${Math.floor(random(20))}.0 (Linux; x86_64) Node/20`,
    'app.user.id': 'user-00000',
    'app.request.bytes': Math.floor(random(60_000)),
  };
  const isError = random(100) < 3;
  return Buffer.concat([
    delimited(1, Buffer.alloc(16, 1)),
    delimited(2, Buffer.alloc(8, 1)),
    delimited(4, Buffer.alloc(8, 1)),
    text(5, operationName(operation)),
    field(6, 0),
    varint(isServer ? 2 : 3),
    fixed64(7, 0),
    fixed64(8, 0),
    ...attributes(9, random(3) < 1 ? { ...values, 'app.cache.hit': random(2) < 1 } : values),
    isError ? delimited(15, Buffer.concat([field(3, 0), varint(2)])) : Buffer.alloc(0),
    traceState === '' ? Buffer.alloc(0) : text(3, traceState),
    field(16, 5),
    Buffer.from([1, 1, 0, 0]),
  ]);
}

export const operationName = (operation) => `${METHODS[operation % METHODS.length]} /api/v1/resource-${operation}/{id}`;
export const serviceName = (service) => `shop-service-${service}`;

/** One request's bytes, which `stamp` turns into any other. */
export class TraceTemplate {
  bytes;
  #view;
  #spans = [];

  constructor(number, traceState = '') {
    const random = randomFrom(number + 1);
    const groups = Array.from({ length: SERVICES_PER_TRACE }, (_, group) => {
      const service = (number + group * 7) % SERVICES;
      const spans = Array.from({ length: TRACES * SPANS_PER_SERVICE }, (__, index) => {
        const operation = service * OPERATIONS_PER_SERVICE + Math.floor(random(OPERATIONS_PER_SERVICE));
        return { bytes: spanBytes(random, operation, index % SPANS_PER_SERVICE === 0, traceState), operation };
      });
      const scope = delimited(1, Buffer.concat([text(1, '@shop/http'), text(2, '0.5.0')]));
      const scopeSpans = delimited(2, Buffer.concat([scope, ...spans.map(({ bytes }) => delimited(2, bytes))]));
      return { spans, bytes: delimited(1, Buffer.concat([delimited(1, resource(service)), scopeSpans])) };
    });
    this.bytes = Buffer.concat(groups.map(({ bytes }) => bytes));
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    let at = 0;
    for (const [group, { spans }] of groups.entries()) {
      for (const [index, { bytes, operation }] of spans.entries()) {
        at = this.bytes.indexOf(bytes, at);
        this.#spans.push({
          trace: Math.floor(index / SPANS_PER_SERVICE),
          depth: group * SPANS_PER_SERVICE + (index % SPANS_PER_SERVICE),
          traceId: at + 2,
          spanId: at + 20,
          parentId: at + 30,
          times: at + bytes.indexOf(fixed64(7, 0)) + 1,
          item: this.bytes.indexOf('/000000', at) + 1,
          user: this.bytes.indexOf('user-00000', at) + 5,
          durationNs: Math.floor(50_000 * 1.6 ** random(20)),
          operation,
        });
        at += bytes.length;
      }
    }
  }

  /** Makes it the request `number`, whose spans start from `startMs` on. */
  stamp(number, startMs) {
    const view = this.#view;
    const startNs = BigInt(Math.floor(startMs)) * 1_000_000n;
    const baseLow = Number(startNs & 0xffff_ffffn);
    const baseHigh = Number(startNs >> 32n);
    for (const [index, span] of this.#spans.entries()) {
      const { trace, depth } = span;
      const unique = scatter(number * SPANS_PER_REQUEST + index);
      const id = number * TRACES + trace;
      view.setUint32(span.traceId, scatter(id));
      view.setUint32(span.traceId + 4, scatter(id ^ 0x5bd1e995));
      view.setUint32(span.traceId + 8, id);
      // A cluster takes the shard from here.
      view.setUint32(span.traceId + 12, scatter(id + 0x9e3779b9));
      view.setUint32(span.spanId, scatter(id));
      view.setUint32(span.spanId + 4, scatter(id * SPANS_PER_TRACE + depth + 1));
      view.setUint32(span.parentId, depth === 0 ? 0 : scatter(id));
      view.setUint32(span.parentId + 4, depth === 0 ? 0 : scatter(id * SPANS_PER_TRACE + depth));
      writeDigits(this.bytes, span.item, 6, unique % 1_000_000);
      writeDigits(this.bytes, span.user, 5, Math.floor(unique / 7) % USERS);
      const low = baseLow + trace * 1_900_000 + depth * STEP_NS + (unique % 1_000);
      setNanoseconds(view, span.times, low, baseHigh);
      setNanoseconds(view, span.times + 9, low + span.durationNs + (unique % 100_000), baseHigh);
    }
  }

  /** What one span of the request was stamped with, to ask for. */
  span(index) {
    const { traceId, item, user, operation } = this.#spans[index];
    return {
      traceId: this.bytes.toString('hex', traceId, traceId + 16),
      service: serviceName(Math.floor(operation / OPERATIONS_PER_SERVICE)),
      operation: operationName(operation),
      urlPath: `/api/v1/resource-${operation}/${this.bytes.toString('latin1', item, item + 6)}`,
      user: `user-${this.bytes.toString('latin1', user, user + 5)}`,
    };
  }
}

function writeDigits(bytes, at, digits, value) {
  let rest = value;
  for (let index = at + digits - 1; index >= at; index--) {
    bytes[index] = 48 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}
