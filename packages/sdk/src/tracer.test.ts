import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigError } from './runtime/config-error.ts';
import { seededIds, TestClock } from './test-support/recorded.ts';
import { startSink, type Sink } from './test-support/sink.ts';
import { createTestTracer } from './testing.ts';
import { Tracer, type TracerOptions } from './index.ts';

const tracers: Tracer[] = [];
const sinks: Sink[] = [];

async function newTraced(options: TracerOptions = {}): Promise<{ tracer: Tracer; sink: Sink }> {
  const sink = await startSink();
  const tracer = new Tracer({ service: 'test', register: false, endpoint: sink.url, ids: seededIds(), ...options });
  tracers.push(tracer);
  sinks.push(sink);
  return { tracer, sink };
}

afterEach(async () => {
  await Promise.all(tracers.splice(0).map((tracer) => tracer.shutdown()));
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
});

describe('tracer.span', () => {
  it('answers what its function answers, and ends when it has returned or settled', async () => {
    const { tracer, sink } = await newTraced();
    expect(tracer.span('sync', () => 42)).toBe(42);
    expect(await tracer.span('async', async () => await sleep(1, 'later'))).toBe('later');
    expect(tracer.span('options', { attributes: { a: 1 } }, (span) => span.isRecording())).toBe(true);
    expect(tracer.stats()).toMatchObject({ started: 3, ended: 3, live: 0 });
    await tracer.flush();
    expect(sink.spans.map(({ name }) => name)).toEqual(['sync', 'async', 'options']);
  });

  it('records what its function throws or rejects with, and passes it on', async () => {
    const { tracer, sink } = await newTraced();
    const error = new RangeError('boom');
    const thrower = (): never => {
      throw error;
    };
    expect(() => tracer.span('sync', thrower)).toThrow(error);
    await expect(tracer.span('async', async () => await Promise.reject(error))).rejects.toBe(error);
    await tracer.flush();
    for (const span of sink.spans) {
      expect(span.status).toEqual({ code: 2, message: 'boom' });
      expect(span.events).toMatchObject([{ name: 'exception', attributes: { 'exception.type': 'RangeError' } }]);
    }
    expect(sink.spans).toHaveLength(2);
  });

  it('is the parent of what starts within, across await and timers', async () => {
    const { tracer, sink } = await newTraced();
    await tracer.span('root', async (root) => {
      await sleep(1);
      expect(tracer.activeSpan()).toBe(root);
      await Promise.all(
        ['a', 'b'].map((name) =>
          tracer.span(name, async () => {
            await sleep(1);
            tracer.startSpan(`${name}-child`).end();
          }),
        ),
      );
      expect(tracer.activeSpan()).toBe(root);
    });
    expect(tracer.activeSpan()).toBeUndefined();
    await tracer.flush();
    const byName = new Map(sink.spans.map((span) => [span.name, span]));
    expect(byName.get('a')?.parentSpanId).toBe(byName.get('root')?.spanId);
    expect(byName.get('b-child')?.parentSpanId).toBe(byName.get('b')?.spanId);
    expect(new Set(sink.spans.map(({ traceId }) => traceId)).size).toBe(1);
  });

  it('costs an unsampled child nothing: it is its parent', async () => {
    const { tracer } = await newTraced({ sampling: 0 });
    tracer.span('root', (root) => {
      expect(root.isRecording()).toBe(false);
      tracer.span('child', (child) => expect(child).toBe(root));
      expect(tracer.startSpan('leaf')).toBe(root);
      const carrier: Record<string, string> = {};
      tracer.inject(carrier);
      expect(carrier['traceparent']).toMatch(/-02$/);
    });
    expect(tracer.stats()).toMatchObject({ started: 1, sampled: 0 });
  });
});

describe('a parent', () => {
  it('is the active span, or any span, span context or extracted context that is named', async () => {
    const { tracer, sink } = await newTraced();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const extracted = tracer.extract({ traceparent, tracestate: 'a=1' });
    const other = tracer.startSpan('other');
    tracer.span('active', () => {
      tracer.startSpan('of active').end();
      tracer.startSpan('of span', { parent: other }).end();
      tracer.startSpan('of span context', { parent: other.spanContext() }).end();
      tracer.startSpan('of caller', { parent: extracted }).end();
      tracer.startSpan('of nobody', { parent: ROOT_CONTEXT }).end();
      tracer.startSpan('of no root', { root: true }).end();
    });
    tracer.with(extracted, () => tracer.startSpan('with caller').end());
    tracer.with(other, () => tracer.startSpan('with span').end());
    await tracer.flush();
    const otherId = other.spanContext().spanId;
    const activeId = sink.spans.find(({ name }) => name === 'active')?.spanId;
    expect(Object.fromEntries(sink.spans.map(({ name, parentSpanId }) => [name, parentSpanId]))).toEqual({
      active: '',
      'of active': activeId,
      'of span': otherId,
      'of span context': otherId,
      'of caller': 'b7ad6b7169203331',
      'of nobody': '',
      'of no root': '',
      'with caller': 'b7ad6b7169203331',
      'with span': otherId,
    });
    expect(sink.spans.find(({ name }) => name === 'of caller')).toMatchObject({ flags: 0x301, traceState: 'a=1' });
    other.end();
  });

  it('that is nothing of the kind leaves a new root', async () => {
    const { tracer } = await newTraced();
    for (const parent of [null, 5, 'x', {}, { traceId: 'x' }]) {
      const span = tracer.startSpan('x', { parent: parent as never });
      expect(span.spanContext().traceId).toMatch(/^[0-9a-f]{32}$/);
      span.end();
    }
  });
});

describe('bind', () => {
  it('takes what is active along to whoever calls', async () => {
    const { tracer } = await newTraced();
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    tracer.span('root', (root) => {
      emitter.on(
        'x',
        tracer.bind((value: number) => seen.push(value, tracer.activeSpan() === root)),
      );
      emitter.on('x', () => seen.push(tracer.activeSpan()));
    });
    emitter.emit('x', 1);
    expect(seen).toEqual([1, true, undefined]);
  });
});

describe('inject', () => {
  it('writes the active span, and nothing where none is active or the carrier refuses it', async () => {
    const { tracer } = await newTraced();
    const carrier = {};
    tracer.inject(carrier);
    expect(carrier).toEqual({});
    tracer.span('x', (span) => {
      const { traceId, spanId } = span.spanContext();
      tracer.inject(carrier);
      expect(carrier).toEqual({ traceparent: `00-${traceId}-${spanId}-03`, tracestate: 'ot=th:0' });
      tracer.inject(Object.freeze({}));
    });
  });
});

describe('shutdown', () => {
  it('sends what is left, then records nothing more and counts what ends late', async () => {
    const { tracer, sink } = await newTraced();
    const late = tracer.startSpan('late');
    tracer.startSpan('in time').end();
    expect(await tracer.shutdown()).toBe(true);
    expect(await tracer.shutdown()).toBe(true);
    late.end();
    expect(tracer.startSpan('after').isRecording()).toBe(false);
    expect(tracer.span('after', () => 'still runs')).toBe('still runs');
    expect(sink.spans.map(({ name }) => name)).toEqual(['in time']);
    expect(tracer.stats()).toMatchObject({ exported: 1, live: 0, dropped: { shutdown: 1 }, pendingSpans: 0 });
  });
});

describe('a tracer', () => {
  it('exports after scheduledDelayMillis without being asked', async () => {
    const { tracer, sink } = await newTraced({ scheduledDelayMillis: 5 });
    tracer.startSpan('x').end();
    expect(await sink.received(1)).toHaveLength(1);
  });

  it('names its service and itself in the resource', async () => {
    const { tracer, sink } = await newTraced({ service: 'shop', resource: { 'deployment.environment.name': 'test' } });
    tracer.startSpan('x').end();
    await tracer.flush();
    expect(sink.spans[0]?.resource).toMatchObject({
      'service.name': 'shop',
      'telemetry.sdk.name': 'throughline',
      'telemetry.sdk.language': 'nodejs',
      'deployment.environment.name': 'test',
    });
    expect(sink.spans[0]?.scope.name).toBe('@throughline/sdk');
  });

  it('takes its clock and ids as arguments', async () => {
    const clock = new TestClock();
    const { tracer, sink } = await newTraced({ clock, ids: seededIds(5) });
    const span = tracer.startSpan('x');
    clock.nowMs = 3;
    span.end();
    await tracer.flush();
    const [read] = sink.spans;
    expect((read?.endTimeUnixNano ?? 0n) - (read?.startTimeUnixNano ?? 0n)).toBe(3_000_000n);
    const { tracer: same } = await newTraced({ ids: seededIds(5) });
    expect(same.startSpan('x').spanContext()).toMatchObject({ traceId: read?.traceId, spanId: read?.spanId });
  });

  it('rejects wrong options when it is made', () => {
    expect(() => new Tracer({ sampling: 2, register: false })).toThrow(ConfigError);
  });
});

type Settle = (resolve: (value: unknown) => void, reject: (error: unknown) => void) => unknown;

/** Like a query builder: nothing is sent before somebody awaits it. */
function lazily(settle: Settle): PromiseLike<unknown> {
  // oxlint-disable-next-line unicorn/no-thenable -- it is what the test is about.
  return { then: settle } as PromiseLike<unknown>;
}

describe('what the function of span answers', () => {
  it.each<[string, (promise: Promise<number>) => unknown]>([
    ['answers nothing', () => undefined],
    ['answers nothing and goes on', (promise) => void Promise.prototype.then.call(promise, Number, Number)],
    [
      'throws',
      () => {
        throw new Error('then');
      },
    ],
  ])('may be a promise whose own then %s', async (_, then) => {
    const test = createTestTracer();
    const broken = (promise: Promise<number>): Promise<number> =>
      // oxlint-disable-next-line unicorn/no-thenable -- it is what the test is about.
      Object.assign(promise, { then: () => then(promise) as never });
    const settled = test.tracer.span('resolved', () => broken(Promise.resolve(42)));
    expect(await settled).toBe(42);
    const failed = test.tracer.span('rejected', () => broken(Promise.reject(new Error('no'))));
    await expect(failed).rejects.toThrow('no');
    expect(test.spans().map(({ name, status }) => [name, status])).toEqual([
      ['resolved', 'unset'],
      ['rejected', 'error'],
    ]);
  });

  it('may be a promise that nobody can follow: its span ends at once', () => {
    const test = createTestTracer();
    class Odd extends Promise<number> {
      static override get [Symbol.species](): never {
        throw new Error('species');
      }
    }
    const odd = Odd.resolve(1);
    expect(test.tracer.span('odd', () => odd)).toBe(odd);
    expect(test.spans().map(({ name, status }) => [name, status])).toEqual([['odd', 'unset']]);
  });

  it('may be any thenable: it is awaited in the span, and settles alike', async () => {
    const { tracer: tested, spans } = createTestTracer();
    const query = lazily((resolve) => tested.span('query', () => resolve(5)));
    expect(await tested.span('outer', () => query)).toBe(5);
    const failing = lazily((_, reject) => reject(new Error('no')));
    await expect(tested.span('fails', () => failing)).rejects.toThrow('no');
    const throwing = lazily(() => {
      throw new Error('at once');
    });
    await expect(tested.span('throws', () => throwing)).rejects.toThrow('at once');
    const [inner, outer, ...failed] = spans();
    expect([inner?.name, inner?.parentSpanId]).toEqual(['query', outer?.spanId]);
    expect(failed.map(({ name, status, statusMessage }) => [name, status, statusMessage])).toEqual([
      ['fails', 'error', 'no'],
      ['throws', 'error', 'at once'],
    ]);
  });

  it('may be a rejection or an exception with nothing in it, which is an error all the same', async () => {
    const { tracer: tested, spans } = createTestTracer();
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the same.
    await expect(tested.span('rejects', () => Promise.reject(undefined))).rejects.toBe(undefined);
    const thrown: unknown[] = [];
    try {
      tested.span('throws', () => {
        // oxlint-disable-next-line typescript/only-throw-error -- the same.
        throw undefined;
      });
    } catch (error) {
      thrown.push(error);
    }
    expect(thrown).toEqual([undefined]);
    expect(spans().map(({ status, events }) => [status, events.length])).toEqual([
      ['error', 1],
      ['error', 1],
    ]);
  });
});
