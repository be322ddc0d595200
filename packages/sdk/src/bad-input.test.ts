import { createContextKey, propagation, ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Tracer, type Span, type SpanLink, type SpanOptions } from './index.ts';
import { createTestTracer } from './testing.ts';

const trap: ProxyHandler<() => undefined> = {
  get: fail,
  has: fail,
  set: fail,
  ownKeys: fail,
  getOwnPropertyDescriptor: fail,
  getPrototypeOf: fail,
  apply: fail,
};
/** An object of which every use throws, `instanceof` too. */
const hostile: object = new Proxy(() => undefined, trap);

function fail(): never {
  throw new Error('hostile');
}

/** Even `Array.isArray` throws. */
function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

class HostileDate extends Date {
  override getTime = fail;
  override toISOString = fail;
}

class HostileContext implements Context {
  getValue = fail;
  setValue = fail;
  deleteValue = fail;
}

const hostileSpanContext = {
  traceId: '1'.repeat(32),
  spanId: '2'.repeat(16),
  traceFlags: { valueOf: fail },
  traceState: { serialize: fail },
};
/** Any of them would become the runner's exception when it looks at them: each is made where it is used. */
const hostiles: readonly (() => unknown)[] = [
  () => hostile,
  () => revoked({}),
  () => revoked([]),
  () => revoked(new Date(0)),
  () => new HostileDate(0),
  () => new HostileContext(),
  () => Object.create(Date.prototype) as unknown,
  () => Object.create(Uint8Array.prototype) as unknown,
  () => Object.assign([1, 2], { [Symbol.iterator]: fail }),
  () => Object.defineProperty([1, 2], 0, { get: fail }),
  () => ({ spanContext: fail }),
  () => hostileSpanContext,
  () => ({ [Symbol.toPrimitive]: fail, toString: fail, toJSON: fail }),
  () => [1e308, 1e308],
];

/** As it is since OpenTelemetry API 1.10. */
interface AttachingManager {
  attach(context: Context): { dispose(): void };
}

const SPAN_KEY = createContextKey('OpenTelemetry Context Key SPAN');
const ENDLESS: SpanLink[] = Object.assign([], { length: 2 ** 32 - 1 });
const LINKED = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };

const circular: Record<string, unknown> = {};
circular['self'] = circular;

/** As functions: the runner itself looks into the values that it makes, which a hostile one does not survive. */
const anything = fc.oneof(
  fc
    .anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })
    .map((value) => () => value),
  fc
    .constantFrom<unknown>(circular, Symbol('s'), () => 1, NaN, -0, 2n ** 80n, '\ud800', new Date(NaN), Date)
    .map((value) => () => value),
  fc.constantFrom(...hostiles),
);

const runs = { numRuns: 500, seed: 11 };
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it stands for `as any as T`, which the tests are about.
const as = <T>(value: unknown): T => value as T;

/** Development looks where spans start, which is code of its own. */
describe.each([false, true])('whatever the application hands over (reportUnendedSpans: %s)', (reportUnendedSpans) => {
  const { tracer, spans, reset } = createTestTracer({ log: () => undefined, reportUnendedSpans });
  afterAll(() => tracer.shutdown());

  it('to startSpan, endSpan and the methods of a span does not throw', () => {
    fc.assert(
      fc.property(anything, anything, anything, anything, (...values) => {
        const [a, b, c, d] = values.map((value) => value());
        const options = { attributes: a, links: b, parent: c, startTime: d, kind: a, root: b };
        for (const given of [options, a]) tracer.startSpan(as(b), as<SpanOptions>(given)).end(as(d));
        const span = tracer.startSpan('x');
        span
          .setAttribute<string>(as(a), as(b))
          .setAttributes(as(c))
          .addEvent(as(a), as(b), as(c))
          .addLink(as(d))
          .addLinks(as(a));
        span.setStatus(as(b)).updateName(as(c));
        span.recordException(as(d), as(a));
        tracer.endSpan(span, b);
        span.end(as(a));
        span.setAttribute('late', 1).addEvent('late');
        tracer.endSpan(as<Span>(c), d);
      }),
      runs,
    );
    spans();
    const { started, ended, live, dropped, exported } = tracer.stats();
    expect([live, started, exported + dropped.export_failed]).toEqual([0, ended, ended]);
    reset();
  });

  it('to span, with and bind does not keep the function from running, nor change its answer', () => {
    fc.assert(
      fc.property(anything, anything, (...values) => {
        const [a, b] = values.map((value) => value());
        const answer = {};
        expect(tracer.span(as(a), as<SpanOptions>(b), () => answer)).toBe(answer);
        expect(tracer.span('x', { parent: as<Context>(a), attributes: as(b) }, () => answer)).toBe(answer);
        expect(tracer.with(as<Context>(a), () => answer)).toBe(answer);
        expect(tracer.span(as(a), () => answer)).toBe(answer);
        expect(tracer.bind(() => answer)()).toBe(answer);
      }),
      runs,
    );
  });

  it("to OpenTelemetry's interfaces does not throw, nor keep a function from running", () => {
    const { tracerProvider, contextManager } = tracer.openTelemetry;
    fc.assert(
      fc.property(anything, anything, (...values) => {
        const [a, b] = values.map((value) => value());
        const otel = tracerProvider.getTracer(as(a), as(b), { schemaUrl: as(a) });
        tracerProvider.getTracer('x', '1', as(b));
        otel.startSpan(as(a), as(b), as(a)).end(as(b));
        const answer = {};
        const context = typeof b === 'function' ? undefined : b;
        expect(otel.startActiveSpan('x', { root: as(a) }, as(context), () => answer)).toBe(answer);
        const inContext = (): unknown => {
          tracer.inject({});
          tracer.startSpan('below', { root: true, kind: as(a) }).end();
          otel.startSpan('below').end();
          return tracer.span('below', () => answer);
        };
        expect(contextManager.with(as<Context>(a), inContext)).toBe(answer);
        expect(contextManager.bind(as<Context>(a), inContext)()).toBe(answer);
        contextManager.bind(ROOT_CONTEXT, as<() => void>(b));
        const withSpan = ROOT_CONTEXT.setValue(SPAN_KEY, a);
        expect(contextManager.with(withSpan, inContext)).toBe(answer);
        const withBaggage = propagation.setBaggage(ROOT_CONTEXT, as(a));
        expect(contextManager.with(withBaggage, inContext)).toBe(answer);
        as<AttachingManager>(contextManager).attach(as<Context>(a)).dispose();
      }),
      runs,
    );
  });

  it('from a sampler of its own drops the span', () => {
    for (const answer of hostiles) {
      const given = createTestTracer({
        log: () => undefined,
        reportUnendedSpans,
        sampler: { shouldSample: () => as(answer()) },
      });
      expect(given.tracer.span('x', (sampled) => sampled.isRecording())).toBe(false);
    }
  });

  it('by the hundred million in a list of links is not walked through', () => {
    reset();
    tracer.startSpan('x', { links: ENDLESS }).end();
    const linked = tracer.startSpan('y').addLinks(Array.from({ length: 1000 }, () => ({ context: LINKED })));
    linked.end();
    expect(spans().map(({ links }) => links.length)).toEqual([0, 128]);
  });

  it('as the function of span is answered as it is, when it is none', () => {
    const { live } = tracer.stats();
    for (const none of [undefined, null, 5, {}]) {
      expect(tracer.span('x', as<() => void>(none))).toBeUndefined();
      expect(tracer.span('x', {}, as<() => void>(none))).toBeUndefined();
    }
    expect(tracer.stats().live).toBe(live);
  });

  it('as the function of span is warned of once', () => {
    const lines: string[] = [];
    const warned = createTestTracer({ log: (line) => lines.push(line) }).tracer;
    for (let i = 0; i < 3; i++) warned.span('charge', as<() => void>(undefined));
    expect(lines).toEqual([expect.stringMatching(/^tracer.span\("charge"\) .*without a function.*startSpan/)]);
  });

  it('to inject and extract, as carrier, getter, setter or header, does not throw', () => {
    const all = new Tracer({
      register: false,
      flushOnExit: false,
      exporter: 'none',
      propagators: ['tracecontext', 'baggage', 'b3', 'b3multi', 'jaeger', 'xray', 'datadog'],
    });
    fc.assert(
      fc.property(anything, anything, (...values) => {
        const [a, b] = values.map((value) => value());
        all.span('x', () => {
          all.inject(as<object>(a));
          all.inject(as<object>(a), as(b));
          all.inject({}, { set: fail });
        });
        for (const context of [
          all.extract(as<object>(a)),
          all.extract(as<object>(a), as(b)),
          all.extract({}, { get: fail, keys: fail }),
          all.extract({}, { get: () => as<string>(a), keys: () => as<string[]>(b) }),
        ]) {
          expect(all.with(context, () => all.inject({}))).toBeUndefined();
        }
        const { propagator } = all.openTelemetry;
        propagator.inject(as<Context>(a), {}, { set: fail });
        propagator.inject(ROOT_CONTEXT, a, as(b));
        propagator.extract(as<Context>(a), b, { get: fail, keys: fail });
      }),
      runs,
    );
  });

  it('to flush and shutdown is taken for their default', async () => {
    for (const timeout of ['5', NaN, -1, null, {}, Infinity, hostile])
      expect(await tracer.flush(as(timeout))).toBe(true);
    const other = createTestTracer().tracer;
    expect(await other.shutdown(as('soon'))).toBe(true);
    expect(await other.shutdown()).toBe(true);
    other.startSpan('after').end();
    expect(other.span('after', () => 1)).toBe(1);
  });

  it('that is enormous is kept within the limits', () => {
    reset();
    const name = 'n'.repeat(10_000_000);
    tracer.span(
      name,
      { attributes: { value: name, list: Array.from({ length: 100_000 }, () => 'x') } },
      () => undefined,
    );
    const [span] = spans();
    expect(span?.name.length).toBeLessThanOrEqual(1024);
    expect(tracer.stats()).toMatchObject({ strippedSpans: 1 });
  });
});
