/** Traces of any size, as OTLP JSON, each with the shape that its name says. Nothing in them is random. */

const TRACE_ID = '5b8efff798038103d269b633813fc60c';
/** 2026-11-23T00:00:00Z */
const START_NS = 1_795_392_000_000_000_000n;
const SERVICES = ['web', 'checkout', 'payment', 'fraud', 'inventory', 'shipping', 'mail'];
const CALLS_A_REQUEST = 4;

const [INTERNAL, SERVER, CLIENT] = [1, 2, 3];

/**
 * Requests of two to three generations below one root, as a batch or a fan-out has them: client and server spans, work
 * of their own, statements, and one failure in fifty.
 */
function requests(count) {
  const spans = new Spans(count);
  const root = spans.add({ parent: -1, service: 0, name: 'POST /orders', kind: SERVER, from: 0, to: count * 20_000 });
  for (let request = 0; spans.size < count; request++) {
    const from = request * 200_000;
    const failed = request % 50 === 0;
    const outer = spans.add({
      parent: root,
      service: 0,
      name: 'order',
      kind: INTERNAL,
      from,
      to: from + 190_000,
      failed,
    });
    for (let call = 0; call < CALLS_A_REQUEST; call++) {
      const service = 1 + ((request + call) % (SERVICES.length - 1));
      const begin = from + 1_000 + call * 45_000;
      const times = { from: begin, to: begin + 44_000 };
      const client = spans.add({
        parent: outer,
        service: 0,
        name: `call ${SERVICES[service]}`,
        kind: CLIENT,
        ...times,
        failed,
      });
      const inner = { from: begin + 500, to: begin + 43_000 };
      const server = spans.add({ parent: client, service, name: 'POST /work', kind: SERVER, ...inner, failed });
      const statement = { from: begin + 2_000, to: begin + 30_000 };
      spans.add({ parent: server, service, name: 'SELECT stock', kind: CLIENT, ...statement });
    }
  }
  return spans.data();
}

/** Each span is the child of the one before. */
function chain(count) {
  const spans = new Spans(count);
  for (let level = 0; level < count; level++) {
    const kind = level % 2 === 0 ? CLIENT : SERVER;
    const times = { from: level * 1_000, to: (2 * count - level) * 1_000 };
    spans.add({ parent: level - 1, service: ((level + 1) >> 1) % SERVICES.length, name: 'link', kind, ...times });
  }
  return spans.data();
}

/** One root, and everything else below it, one after the other. */
function siblings(count) {
  const spans = new Spans(count);
  const root = spans.add({ parent: -1, service: 0, name: 'GET /report', kind: SERVER, from: 0, to: count * 10_000 });
  for (let at = 0; at < count - 1; at++) {
    spans.add({ parent: root, service: 0, name: 'SELECT', kind: CLIENT, from: at * 10_000, to: at * 10_000 + 9_000 });
  }
  return spans.data();
}

class Spans {
  size = 0;
  /** Chunks of 1,000 spans of a service, as an exporter sends them. */
  #open = new Map();
  #resourceSpans = [];

  add({ parent, service, name, kind, from, to, failed = false }) {
    const index = this.size++;
    let spans = this.#open.get(service);
    if (spans === undefined || spans.length === 1_000) {
      spans = [];
      this.#open.set(service, spans);
      this.#resourceSpans.push({
        resource: {
          attributes: [attribute('service.name', SERVICES[service]), attribute('host.name', `host-${service}`)],
        },
        scopeSpans: [{ scope: { name: 'bench', version: '1.0.0' }, spans }],
      });
    }
    spans.push({
      traceId: TRACE_ID,
      spanId: idOf(index),
      ...(parent >= 0 && { parentSpanId: idOf(parent) }),
      name,
      kind,
      startTimeUnixNano: String(START_NS + BigInt(from)),
      endTimeUnixNano: String(START_NS + BigInt(to)),
      attributes: [
        attribute('http.request.method', 'POST'),
        attribute('app.item', `item-${index % 10_000}`),
        { key: 'http.response.status_code', value: { intValue: failed ? '500' : '200' } },
      ],
      ...(failed && { status: { code: 2, message: 'out of stock' } }),
    });
    return index;
  }

  /** As it comes from a response: parsed, and nothing shared between spans but what a parser shares. */
  data() {
    return { resourceSpans: this.#resourceSpans.map((one) => JSON.parse(JSON.stringify(one))) };
  }
}

function attribute(key, stringValue) {
  return { key, value: { stringValue } };
}

/** Ids look random, as those of SDKs do: neither their order nor their hash follows that of the spans. */
function idOf(index) {
  const high = Math.imul(index + 1, 0x9e3779b1) >>> 0;
  return high.toString(16).padStart(8, '0') + (index + 1).toString(16).padStart(8, '0');
}

export const SHAPES = { requests, chain, siblings };
