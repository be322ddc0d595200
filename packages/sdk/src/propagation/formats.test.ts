import { propagation, type TextMapPropagator } from '@opentelemetry/api';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Tracer, type TracerOptions } from '../index.ts';
import type { PropagatorName } from './propagators.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const LOWER_ID = 'a3ce929d0e0e4736';

const tracers: Tracer[] = [];
afterAll(() => Promise.all(tracers.map((tracer) => tracer.shutdown(1))));

function newTracer(propagators: TracerOptions['propagators'], sampling = 1): Tracer {
  const tracer = new Tracer({ register: false, flushOnExit: false, log: () => undefined, propagators, sampling });
  tracers.push(tracer);
  return tracer;
}

const ALL = ['tracecontext', 'baggage', 'b3', 'b3multi', 'jaeger', 'xray', 'datadog'] as const;
const byName = Object.fromEntries(ALL.map((name) => [name, newTracer([name])])) as Record<PropagatorName, Tracer>;

/** What a format reads: ids and flags of the span that becomes the parent. */
function extracted(name: PropagatorName, carrier: object): string | undefined {
  const tracer = byName[name];
  return tracer.with(tracer.extract(carrier), () => {
    const context = tracer.activeSpan()?.spanContext();
    return context && `${context.traceId} ${context.spanId} ${context.traceFlags}`;
  });
}

/** What a format writes of what it has read. */
function passedOn(name: PropagatorName, carrier: object): object {
  const tracer = byName[name];
  const out = {};
  tracer.with(tracer.extract(carrier), () => tracer.inject(out));
  return out;
}

const KEPT = `${TRACE_ID} ${SPAN_ID} 1`;
const UNSAMPLED = `${TRACE_ID} ${SPAN_ID} 0`;
const SHORT = `0000000000000000${LOWER_ID} ${SPAN_ID} 1`;

const b3m = (rest: object): object => ({ 'X-B3-TraceId': TRACE_ID, 'X-B3-SpanId': SPAN_ID, ...rest });
const dd = (rest: object): object => ({
  'x-datadog-trace-id': BigInt(`0x${LOWER_ID}`).toString(),
  'x-datadog-parent-id': BigInt(`0x${SPAN_ID}`).toString(),
  'x-datadog-sampling-priority': '1',
  ...rest,
});
const amzn = (value: string): object => ({ 'X-Amzn-Trace-Id': value });
const ROOT = 'Root=1-4bf92f35-77b34da6a3ce929d0e0e4736';
const uber = (value: string): object => ({ 'uber-trace-id': value });

describe('each header format', () => {
  it.each<[PropagatorName, object, string | undefined]>([
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}-1` }, KEPT],
    ['b3', { B3: `${TRACE_ID}-${SPAN_ID}-d` }, KEPT],
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}-0` }, UNSAMPLED],
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}` }, UNSAMPLED],
    ['b3', { b3: `${LOWER_ID}-${SPAN_ID}-1-05e3ac9a4f6e3b90` }, SHORT],
    ['b3', { b3: `${TRACE_ID.toUpperCase()}-${SPAN_ID}-1` }, KEPT],
    ['b3', { b3: '0' }, undefined],
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}-2` }, undefined],
    ['b3', { b3: `${'0'.repeat(32)}-${SPAN_ID}-1` }, undefined],
    ['b3', { b3: `${TRACE_ID}-${'0'.repeat(16)}-1` }, undefined],
    ['b3', { b3: `${TRACE_ID.slice(1)}-${SPAN_ID}-1` }, undefined],
    ['b3', b3m({ 'X-B3-Sampled': '1' }), KEPT],
    ['b3multi', { b3: `${TRACE_ID}-${SPAN_ID}-0`, ...b3m({ 'X-B3-Sampled': '1' }) }, UNSAMPLED],
    ['b3multi', b3m({ 'X-B3-Sampled': 'true' }), KEPT],
    ['b3multi', b3m({ 'X-B3-Sampled': 'false' }), UNSAMPLED],
    ['b3multi', b3m({ 'X-B3-Flags': '1' }), KEPT],
    ['b3multi', b3m({ 'X-B3-TraceId': LOWER_ID, 'X-B3-Sampled': '1', 'X-B3-ParentSpanId': SPAN_ID }), SHORT],
    ['b3multi', { 'X-B3-Sampled': '0' }, undefined],
    ['b3multi', b3m({ 'X-B3-SpanId': [SPAN_ID, SPAN_ID] }), undefined],
    ['jaeger', uber(`${TRACE_ID}:${SPAN_ID}:0:1`), KEPT],
    ['jaeger', uber(`${TRACE_ID}:f067aa0ba902b7:1:01`), KEPT],
    ['jaeger', uber(`${TRACE_ID}%3A${SPAN_ID}%3A0%3A1`), KEPT],
    ['jaeger', uber(`${LOWER_ID}:${SPAN_ID}:0:3`), SHORT],
    ['jaeger', uber(`${TRACE_ID}:${SPAN_ID}:0:0`), UNSAMPLED],
    ['jaeger', uber(`0:${SPAN_ID}:0:1`), undefined],
    ['jaeger', uber(`${TRACE_ID}:0:0:1`), undefined],
    ['jaeger', uber(`1${TRACE_ID}:${SPAN_ID}:0:1`), undefined],
    ['jaeger', uber(`${TRACE_ID}:${SPAN_ID}:1`), undefined],
    ['xray', amzn(`${ROOT};Parent=${SPAN_ID};Sampled=1`), KEPT],
    ['xray', amzn(`Sampled=1; Parent=${SPAN_ID};Self=1-67891234-12456789abcdef012345678;${ROOT};Lineage=1:a:0`), KEPT],
    ['xray', amzn(`${ROOT};Parent=${SPAN_ID};Sampled=0`), UNSAMPLED],
    ['xray', amzn(`${ROOT};Parent=${SPAN_ID};Sampled=?`), UNSAMPLED],
    ['xray', amzn(ROOT), undefined],
    ['xray', amzn(`Root=2-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=${SPAN_ID}`), undefined],
    ['xray', amzn(`Root=1-4bf92f35-77b34da6a3ce929d0e0e473;Parent=${SPAN_ID}`), undefined],
    ['datadog', dd({ 'x-datadog-tags': `_dd.p.dm=-1,_dd.p.tid=${TRACE_ID.slice(0, 16)}` }), KEPT],
    ['datadog', dd({}), SHORT],
    ['datadog', dd({ 'x-datadog-tags': '_dd.p.tid=xyz' }), SHORT],
    ['datadog', dd({ 'x-datadog-tags': '_dd.p.tid=4BF92F3577B34DA6' }), SHORT],
    ['datadog', dd({ 'x-datadog-sampling-priority': '-1' }), `0000000000000000${LOWER_ID} ${SPAN_ID} 0`],
    ['datadog', dd({ 'x-datadog-parent-id': '0' }), undefined],
    ['datadog', dd({ 'x-datadog-trace-id': '18446744073709551616' }), undefined],
    ['datadog', dd({ 'x-datadog-trace-id': '0x12' }), undefined],
  ])('%s reads %j as %s', (name, carrier, expected) => {
    expect(extracted(name, carrier)).toBe(expected);
    expect(extracted(name, new Map(Object.entries(carrier)))).toBe(expected);
    expect(extracted(name, Object.entries(carrier))).toBe(expected);
  });

  it.each<[PropagatorName, object, whereAllAreKept: string, whereNoneIs: string]>([
    ['b3', { b3: '0' }, '0', '0'],
    ['b3', { b3: '1' }, '1', '1'],
    ['b3', { b3: 'd' }, 'd', 'd'],
    ['b3', { b3: 'x' }, '1', '0'],
    ['b3', { 'X-B3-Sampled': '0' }, '0', '0'],
    ['b3', { 'X-B3-Sampled': 'false' }, '0', '0'],
    ['b3', { 'X-B3-Flags': '1' }, 'd', 'd'],
    ['b3', { b3: '0', 'X-B3-Flags': '1' }, '0', '0'],
  ])('%s follows in a new trace a decision without ids: %j', (name, carrier, whereAllAreKept, whereNoneIs) => {
    for (const [sampling, expected] of [
      [1, whereAllAreKept],
      [0, whereNoneIs],
    ] as const) {
      const tracer = newTracer([name], sampling);
      const sent: Record<string, string> = {};
      const isRecording = tracer.span('root', { parent: tracer.extract(carrier) }, (span) => {
        tracer.inject(sent);
        return span.isRecording();
      });
      expect(sent['b3']?.slice(-2)).toBe(`-${expected}`);
      expect(isRecording).toBe(expected !== '0');
    }
  });

  it.each<[PropagatorName, object, object]>([
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}-d` }, { b3: `${TRACE_ID}-${SPAN_ID}-d` }],
    ['b3', { b3: `${TRACE_ID}-${SPAN_ID}` }, { b3: `${TRACE_ID}-${SPAN_ID}` }],
    ['b3', { b3: `${LOWER_ID}-${SPAN_ID}-0` }, { b3: `0000000000000000${LOWER_ID}-${SPAN_ID}-0` }],
    ['b3multi', b3m({ 'X-B3-Flags': '1' }), { 'x-b3-traceid': TRACE_ID, 'x-b3-spanid': SPAN_ID, 'x-b3-flags': '1' }],
    ['b3multi', b3m({}), { 'x-b3-traceid': TRACE_ID, 'x-b3-spanid': SPAN_ID }],
    [
      'b3multi',
      b3m({ 'X-B3-Sampled': '0' }),
      { 'x-b3-traceid': TRACE_ID, 'x-b3-spanid': SPAN_ID, 'x-b3-sampled': '0' },
    ],
    ['jaeger', uber(`${TRACE_ID}:${SPAN_ID}:9:3`), uber(`${TRACE_ID}:${SPAN_ID}:0:3`)],
    ['jaeger', uber(`${TRACE_ID}:${SPAN_ID}:9:0`), uber(`${TRACE_ID}:${SPAN_ID}:0:0`)],
    ['xray', amzn(`${ROOT};Parent=${SPAN_ID};Sampled=?`), { 'x-amzn-trace-id': `${ROOT};Parent=${SPAN_ID};Sampled=?` }],
    ['datadog', dd({}), dd({})],
    [
      'datadog',
      dd({ 'x-datadog-sampling-priority': '2', 'x-datadog-origin': 'rum', 'x-datadog-tags': '_dd.p.dm=-4' }),
      dd({ 'x-datadog-sampling-priority': '2', 'x-datadog-origin': 'rum', 'x-datadog-tags': '_dd.p.dm=-4' }),
    ],
  ])('%s passes %j on as %j', (name, carrier, expected) => {
    expect(passedOn(name, carrier)).toEqual(expected);
  });

  it.each(ALL.filter((name) => name !== 'baggage'))('%s gives back what it wrote, sampled and not', (name) => {
    for (const sampling of [0, 1]) {
      const tracer = newTracer([name], sampling);
      tracer.span('x', (span) => {
        const { traceId, spanId } = span.spanContext();
        for (const carrier of [{}, new Map(), new Headers(), []]) {
          tracer.inject(carrier);
          tracer.inject(carrier);
          expect(extracted(name, carrier)?.slice(0, 50)).toBe(`${traceId} ${spanId} `.slice(0, 50));
          expect(Number(extracted(name, carrier)?.slice(50)) & 1).toBe(sampling);
        }
      });
    }
  });

  it('keeps the debug flag for a child, and lets a local root decide what its caller deferred', () => {
    const out = {};
    const tracer = byName.b3;
    tracer.span('x', { parent: tracer.extract({ b3: `${TRACE_ID}-${SPAN_ID}-d` }) }, () => tracer.inject(out));
    expect(out).toEqual({ b3: expect.stringMatching(new RegExp(`^${TRACE_ID}-[0-9a-f]{16}-d$`)) });
    for (const sampling of [0, 1]) {
      const deciding = newTracer(['b3'], sampling);
      const span = deciding.startSpan('x', { parent: deciding.extract({ b3: `${TRACE_ID}-${SPAN_ID}` }) });
      expect([span.isRecording(), span.spanContext().traceId]).toEqual([sampling === 1, TRACE_ID]);
      span.end();
    }
  });

  it('never throws on hostile headers, and never answers an invalid identity', () => {
    const names = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'uber-trace-id', 'uberctx-a', 'baggage'];
    const more = ['x-amzn-trace-id', 'x-datadog-trace-id', 'x-datadog-parent-id', 'x-datadog-tags', 'x-datadog-origin'];
    const good = [
      `${TRACE_ID}-${SPAN_ID}-1`,
      TRACE_ID,
      SPAN_ID,
      `${TRACE_ID}:${SPAN_ID}:0:1`,
      `${ROOT};Parent=${SPAN_ID}`,
    ];
    const mutated = fc
      .tuple(
        fc.constantFrom(...good, '123', 'a=%FF%zz;p,b=\ud800'),
        fc.nat(60),
        fc.string({ unit: 'binary', maxLength: 3 }),
      )
      .map(([text, at, noise]) => text.slice(0, at) + noise + text.slice(at + 1));
    const value = fc.oneof(mutated, fc.constantFrom(...good), fc.string({ unit: 'binary' }), fc.anything());
    const headers = fc.dictionary(fc.constantFrom(...names, ...more), fc.oneof(value, fc.array(value)));
    const tracer = newTracer(ALL);
    fc.assert(
      fc.property(headers, (carrier) => {
        const out = {};
        tracer.with(tracer.extract(carrier), () => {
          const context = tracer.activeSpan()?.spanContext();
          tracer.inject(out);
          if (context === undefined) return;
          expect(context.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
          expect(context.spanId).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        });
        // Whatever came in, what goes out can be in a header.
        for (const [name, text] of Object.entries(out)) new Headers().set(name, text as string);
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

describe('several formats', () => {
  it('are all written, and of those that are read the last one counts', () => {
    const tracer = newTracer(['tracecontext', 'b3']);
    const carrier = { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, b3: `${TRACE_ID}-${SPAN_ID}-1` };
    tracer.with(tracer.extract(carrier), () => {
      const out = {};
      tracer.inject(out);
      expect(Object.keys(out)).toEqual(['traceparent', 'b3']);
      expect(tracer.activeSpan()?.spanContext().traceId).toBe(TRACE_ID);
    });
    const { b3: _, ...onlyW3c } = carrier;
    tracer.with(tracer.extract(onlyW3c), () => {
      expect(tracer.activeSpan()?.spanContext().traceId).toBe('1'.repeat(32));
    });
    expect(tracer.openTelemetry.propagator.fields()).toEqual(['traceparent', 'tracestate', 'b3']);
  });

  it('can be one of the application itself, whose failures stay inside', () => {
    const mine: TextMapPropagator = {
      inject: (_, carrier, setter) => setter.set(carrier, 'x-mine', '1'),
      extract: () => {
        throw new Error('no');
      },
      fields: () => ['x-mine'],
    };
    const tracer = newTracer([mine, 'tracecontext']);
    const out: Record<string, string> = {};
    tracer.span('x', () => tracer.inject(out));
    expect(Object.keys(out)).toEqual(['x-mine', 'traceparent', 'tracestate']);
    expect(tracer.extract(out)).toBeDefined();
  });

  it('can be none', () => {
    const tracer = newTracer('none');
    const out = {};
    tracer.span('x', () => tracer.inject(out));
    expect(out).toEqual({});
  });
});

/** The baggage that a format reads. */
const read = (name: PropagatorName, carrier: object): [string, string][] =>
  propagation
    .getBaggage(byName[name].extract(carrier))
    ?.getAllEntries()
    .map(([key, { value }]) => [key, value]) ?? [];

describe('baggage', () => {
  it.each<[PropagatorName, object, [string, string][]]>([
    [
      'baggage',
      { baggage: 'a=1,b=two%20words;meta=x;y' },
      [
        ['a', '1'],
        ['b', 'two words'],
      ],
    ],
    [
      'baggage',
      { Baggage: [' a = 1 ', 'b=2=3'] },
      [
        ['a', '1'],
        ['b', '2=3'],
      ],
    ],
    [
      'baggage',
      { baggage: 'a=,=1,c,,d=%E4%BD%A0,e=%FF,f=100%' },
      [
        ['a', ''],
        ['d', '你'],
        ['e', '\ufffd'],
        ['f', '100%'],
      ],
    ],
    [
      'baggage',
      { baggage: 'a=1,a=2,__proto__=x' },
      [
        ['a', '2'],
        ['__proto__', 'x'],
      ],
    ],
    ['baggage', { baggage: '' }, []],
    [
      'baggage',
      { baggage: 'two words=1,(x)=1,a#b=1,%C3%A4=1' },
      [
        ['a#b', '1'],
        ['ä', '1'],
      ],
    ],
    [
      'jaeger',
      { 'uberctx-User': 'a%20b', 'UBERCTX-x': '1', 'uberctx-': 'no' },
      [
        ['User', 'a b'],
        ['x', '1'],
      ],
    ],
  ])('of %s in %j is %j', (name, carrier, expected) => {
    expect(read(name, carrier)).toEqual(expected);
  });

  it('is active with the span that its carrier is the parent of, and goes on to the next process', () => {
    const tracer = newTracer(['tracecontext', 'baggage', 'jaeger']);
    const parent = tracer.extract({ traceparent: `00-${TRACE_ID}-${SPAN_ID}-01`, baggage: 'user=a b;vip=1,k=ä' });
    const out: Record<string, string> = {};
    tracer.span('x', { parent }, () => tracer.span('y', () => tracer.inject(out)));
    expect(out).toMatchObject({
      traceparent: expect.stringContaining(TRACE_ID) as string,
      baggage: 'user=a%20b;vip=1,k=%C3%A4',
      'uberctx-user': 'a%20b',
      'uberctx-k': '%C3%A4',
    });
  });

  it('has its keys as they are where they are tokens, and encoded where not', () => {
    const keys = ["it!#$&'*+.^`|~-_", 'two words', '100%', 'ä'];
    const context = propagation.setBaggage(
      byName.baggage.extract({}),
      propagation.createBaggage(Object.fromEntries(keys.map((key) => [key, { value: '1' }]))),
    );
    const out: Record<string, string> = {};
    byName.baggage.with(context, () => byName.baggage.inject(out));
    expect(out['baggage']).toBe("it!#$&'*+.^`|~-_=1,two%20words=1,100%25=1,%C3%A4=1");
    expect(read('baggage', out).map(([key]) => key)).toEqual(keys);
  });

  it('is bounded on both ways', () => {
    const many = Array.from({ length: 500 }, (_, i) => `k${i}=v`).join(',');
    expect(read('baggage', { baggage: many })).toHaveLength(180);
    expect(read('baggage', { baggage: `a=${'x'.repeat(5000)},b=1` })).toEqual([['b', '1']]);
    // A member that the limit cuts in two is dropped, not read by half.
    const cut = `a=${'x'.repeat(4000)},b=${'y'.repeat(4000)},c=${'z'.repeat(1000)}`;
    expect(read('baggage', { baggage: cut }).map(([key]) => key)).toEqual(['a', 'b']);
    const whole = `a=${'x'.repeat(4000)},b=${'y'.repeat(4000)},c=${'z'.repeat(8192 - 8006 - 2)}`;
    expect(read('baggage', { baggage: whole }).map(([key]) => key)).toEqual(['a', 'b', 'c']);
    const entries = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, { value: 'x'.repeat(1000) }]));
    const context = propagation.setBaggage(byName.baggage.extract({}), propagation.createBaggage(entries));
    const out: Record<string, string> = {};
    byName.baggage.with(context, () => byName.baggage.inject(out));
    expect(out['baggage']?.length).toBeLessThanOrEqual(8192);
    expect(out['baggage']?.length).toBeGreaterThan(7000);
  });
});

describe('the choice of formats', () => {
  it('comes from OTEL_PROPAGATORS when no option is given', async () => {
    const { resolveConfig } = await import('../config/resolve.ts');
    const of = (value: string) => resolveConfig({}, { OTEL_PROPAGATORS: value });
    expect(of('b3multi, Jaeger,b3multi').propagators).toEqual(['b3multi', 'jaeger']);
    expect(of('none').propagators).toEqual([]);
    expect(of('b3,ottrace')).toMatchObject({
      propagators: ['b3'],
      warnings: [expect.stringMatching(/^OTEL_PROPAGATORS: .*ottrace .*supported: tracecontext/)],
    });
    expect(of('zipkin')).toMatchObject({
      propagators: ['tracecontext', 'baggage'],
      warnings: [expect.stringMatching(/^OTEL_PROPAGATORS is ignored: got "zipkin", expected /)],
    });
    expect(() => resolveConfig({ propagators: ['w3c' as PropagatorName] }, {})).toThrow(
      /^propagators: got "w3c", expected/,
    );
  });
});
