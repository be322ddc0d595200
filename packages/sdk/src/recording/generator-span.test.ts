import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { types } from 'node:util';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';
import { SUPPRESSED_CONTEXT } from '../context/active-context.ts';
import { evalChild } from '../test-support/child.ts';
import { createTestTracer } from '../testing.ts';

const summary = ({ spans }: ReturnType<typeof createTestTracer>): unknown[] =>
  spans().map(({ name, status, parentSpanId }) => [name, status, parentSpanId === undefined ? 'root' : 'child']);

async function* one(): AsyncGenerator<number> {
  yield 1;
}

describe('a span around an async generator', () => {
  it('lasts until it is done, and is active in each step and nowhere else', async () => {
    const test = createTestTracer();
    const { tracer } = test;
    const seen: unknown[] = [];
    const items = tracer.span('items', async function* (span) {
      for (let at = 0; at < 2; at++) {
        await tracer.span('page', () => sleep(1));
        seen.push(tracer.activeSpan() === span);
        yield at;
        seen.push(tracer.activeSpan() === span);
      }
      return 'all';
    });
    expect(test.spans()).toEqual([]);
    await tracer.span('consumer', async (consumer) => {
      for await (const item of items) seen.push(item, tracer.activeSpan() === consumer);
    });
    expect(seen).toEqual([true, 0, true, true, true, 1, true, true]);
    expect(summary(test)).toEqual([
      ['page', 'unset', 'child'],
      ['page', 'unset', 'child'],
      ['items', 'unset', 'root'],
      ['consumer', 'unset', 'root'],
    ]);
    expect(tracer.activeSpan()).toBeUndefined();
  });

  it('is not failed by the abort that a stream throws in when its consumer breaks off', async () => {
    const test = createTestTracer();
    // oxlint-disable-next-line no-unreachable-loop
    for await (const item of Readable.from(test.tracer.span('items', one))) {
      expect(item).toBe(1);
      break;
    }
    await test.tracer
      .span('own', one)
      .throw(new DOMException('own', 'AbortError'))
      .catch(() => undefined);
    await test.tracer
      .span('thrown in', one)
      .throw(new Error('no'))
      .catch(() => undefined);
    const aborted = test.tracer.span('aborted itself', async function* () {
      yield 1;
      throw new DOMException('own', 'AbortError');
    });
    await aborted.next();
    await aborted.next().catch(() => undefined);
    expect(summary(test)).toEqual([
      ['items', 'unset', 'root'],
      ['own', 'unset', 'root'],
      ['thrown in', 'error', 'root'],
      ['aborted itself', 'error', 'root'],
    ]);
  });

  it('ends when its consumer breaks off, behind what it tidies up', async () => {
    const test = createTestTracer();
    const items = test.tracer.span('items', async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        await test.tracer.span('tidy up', () => sleep(1));
      }
    });
    // oxlint-disable-next-line no-unreachable-loop
    for await (const item of items) {
      expect(item).toBe(1);
      break;
    }
    expect(summary(test)).toEqual([
      ['tidy up', 'unset', 'child'],
      ['items', 'unset', 'root'],
    ]);
    expect(await items.next()).toEqual({ value: undefined, done: true });
    expect(test.spans()).toHaveLength(2);
  });

  it.each<[how: string, (items: AsyncGenerator<number>) => Promise<unknown>]>([
    ['it throws', (items) => items.next()],
    ['its consumer throws into it', (items) => items.throw(new Error('no'))],
  ])('ends with the error when %s', async (_, act) => {
    const test = createTestTracer();
    const items = test.tracer.span('items', async function* (): AsyncGenerator<number> {
      await sleep(1);
      yield await Promise.reject(new Error('no'));
    });
    await expect(act(items)).rejects.toThrow('no');
    expect(test.spans()).toMatchObject([{ status: 'error', statusMessage: 'no', events: [{ name: 'exception' }] }]);
  });

  it('goes on when it catches what is thrown into it', async () => {
    const test = createTestTracer();
    const items = test.tracer.span('items', async function* () {
      try {
        yield 1;
      } catch {
        yield 2;
      }
    });
    await items.next();
    expect(await items.throw(new Error('no'))).toEqual({ value: 2, done: false });
    expect(test.spans()).toEqual([]);
    await items.return(undefined);
    expect(test.spans()).toMatchObject([{ status: 'unset' }]);
  });

  it('ends with what a promise has brought as well, and with the inner one of two', async () => {
    const test = createTestTracer();
    const { tracer } = test;
    const items = await tracer.span('outer', async () => {
      await sleep(1);
      return tracer.span('inner', async function* () {
        yield tracer.activeSpan()?.spanContext().spanId;
      });
    });
    const [first] = await Promise.all([items.next(), items.next(), items.next()]);
    expect(test.spans().map(({ name, spanId }) => [name, spanId === first.value])).toEqual([
      ['inner', true],
      ['outer', false],
    ]);
  });

  it('hands back the generator itself, whose errors nobody hides', async () => {
    const { tracer } = createTestTracer();
    const made = Object.assign(one(), { size: 1 });
    const items = tracer.span('items', () => made);
    expect([items === made, items instanceof one, items.size, Object.keys(items)]).toEqual([true, true, 1, ['size']]);
    expect([types.isGeneratorObject(items), items[Symbol.asyncIterator]() === items]).toEqual([true, true]);
    expect(Object.prototype.toString.call(items)).toBe('[object AsyncGenerator]');
    expect(await items.next()).toEqual({ value: 1, done: false });
    const frozen = tracer.span('frozen', () => Object.freeze(one()));
    expect(await frozen.next()).toEqual({ value: 1, done: false });
    expect(tracer.stats()).toMatchObject({ started: 2, ended: 1 });
  });
});

describe('a span around a generator', () => {
  it('lasts until it is done, through whatever goes on with it', () => {
    const test = createTestTracer();
    const { tracer } = test;
    const numbers = (): Generator<unknown, string> =>
      tracer.span('numbers', function* (): Generator<unknown, string> {
        const given = yield tracer.span('inside', () => 1);
        yield given;
        return 'done';
      });
    const twice = numbers();
    expect([twice.next(5), twice.next(7), twice.next(0)]).toEqual([
      { value: 1, done: false },
      { value: 7, done: false },
      { value: 'done', done: true },
    ]);
    function* delegating(): Generator {
      yield* numbers();
    }
    expect([[...numbers()], [...delegating()]]).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
    const [first] = numbers();
    expect(first).toBe(1);
    expect(summary(test).filter((each) => (each as string[])[0] === 'numbers')).toHaveLength(4);
    expect(tracer.stats()).toMatchObject({ started: 8, ended: 8, live: 0 });
  });

  it('is not over when it goes on with itself', () => {
    const test = createTestTracer();
    const errors: unknown[] = [];
    const own: Generator<number> = test.tracer.span('own', function* () {
      try {
        own.next();
      } catch (error) {
        errors.push(error);
      }
      yield 1;
    });
    expect([...own]).toEqual([1]);
    expect(errors).toEqual([expect.any(TypeError)]);
    expect(summary(test)).toEqual([['own', 'unset', 'root']]);
  });

  it('is nothing of which is recorded, where its trace is not or nothing is traced', () => {
    const test = createTestTracer({ sampling: 0 });
    const { tracer } = test;
    const inside = function* (): Generator {
      yield tracer.startSpan('inside').spanContext().traceId;
      yield tracer.activeSpan()?.isRecording();
    };
    const [root, child] = tracer.span(
      'root',
      (span) => [span.spanContext().traceId, tracer.span('child', inside)] as const,
    );
    expect([...child]).toEqual([root, false]);
    const on = createTestTracer();
    const quiet = on.tracer.with(SUPPRESSED_CONTEXT, () =>
      on.tracer.span('quiet', function* () {
        on.tracer.span('inside', () => {});
        yield 1;
      }),
    );
    on.tracer.with(ROOT_CONTEXT, () => expect([...quiet]).toEqual([1]));
    expect(on.spans()).toEqual([]);
  });
});

it.each<[what: string, make: () => object]>([
  ['a stream', () => Readable.from(['a'])],
  ['the body of a response', () => new Response('a').body as object],
  ['what else can be iterated', () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({}) }) })],
  ['an iterator of its own making', () => ({ next: () => ({ done: true }), [Symbol.iterator]: () => ({}) })],
  ['a cursor', () => new Map([[1, 2]]).entries()],
])('a span around %s ends at once, and leaves it as it is', (_, make) => {
  const test = createTestTracer();
  const made = make();
  const members = Reflect.ownKeys(made);
  expect(test.tracer.span('x', () => made)).toBe(made);
  expect(Reflect.ownKeys(made)).toEqual(members);
  expect(test.spans()).toHaveLength(1);
});

it('a generator with which nobody can go on ends its span at its last step', async () => {
  const child = evalChild(
    `import { createTestTracer } from './src/testing.ts';
     const { tracer, spans } = createTestTracer();
     async function* items() { yield 1; yield 2; }
     const abandon = async (steps) => {
       const made = tracer.span('steps ' + steps, items);
       for (let at = 0; at < steps; at++) await made.next();
     };
     await abandon(0);
     await abandon(1);
     const kept = tracer.span('kept', items);
     await new Promise((resolve) => setTimeout(resolve, 300));
     for (let i = 0; i < 100 && tracer.stats().live > 1; i++) {
       globalThis.gc();
       await new Promise((resolve) => setTimeout(resolve, 10));
     }
     const names = spans().map(({ name, status, durationNs }) => [name, status, durationNs < 250e6]);
     console.log(JSON.stringify({ live: tracer.stats().live, names: names.sort() }));
     await kept.next();`,
    { NODE_OPTIONS: '--expose-gc' },
  );
  expect(JSON.parse(await child.line())).toEqual({
    live: 1,
    names: [
      ['steps 0', 'unset', true],
      ['steps 1', 'unset', true],
    ],
  });
});
