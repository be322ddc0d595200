import { ROOT_CONTEXT, type Context } from '@opentelemetry/api';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Tracer, type Span, type SpanOptions } from './index.ts';
import { createTestTracer } from './testing.ts';

const { tracer, spans, reset } = createTestTracer({ log: () => undefined });
afterAll(() => tracer.shutdown());

/** An object of which every use throws but `instanceof`. */
const hostile: object = new Proxy(() => undefined, {
  get: fail,
  has: fail,
  set: fail,
  ownKeys: fail,
  getOwnPropertyDescriptor: fail,
  apply: fail,
});

function fail(): never {
  throw new Error('hostile');
}

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
  fc.constant(() => hostile),
);

const runs = { numRuns: 500, seed: 11 };
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it stands for `as any as T`, which the tests are about.
const as = <T>(value: unknown): T => value as T;

describe('whatever the application hands over', () => {
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

  it('as the function of span is answered as it is, when it is none', () => {
    const { live } = tracer.stats();
    for (const none of [undefined, null, 5, {}]) {
      expect(tracer.span('x', as<() => void>(none))).toBeUndefined();
      expect(tracer.span('x', {}, as<() => void>(none))).toBeUndefined();
    }
    expect(tracer.stats().live).toBe(live);
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
