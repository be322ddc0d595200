import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { activeStoreOf } from '../context/active-store.ts';
import { StorageContextManager } from './storage-context-manager.ts';
import { createTestTracer } from '../testing.ts';

const KEY = createContextKey('throughline test');
const [one, two] = [1, 2].map((value) => ROOT_CONTEXT.setValue(KEY, value)) as [Context, Context];

const managers = (['resource', 'frame', 'public'] as const).flatMap((way) => {
  const store = activeStoreOf(way);
  if (store === undefined) return [];
  const another = (): StorageContextManager => new StorageContextManager(activeStoreOf(way));
  return [{ way, manager: new StorageContextManager(store), another }];
});

function given(this: unknown, ...args: unknown[]): unknown[] {
  return [this, ...args];
}

describe.each(managers)('a context manager by $way', ({ manager, another }) => {
  it('answers itself when it is enabled and disabled, and works in either state', () => {
    expect([manager.enable(), manager.disable()]).toEqual([manager, manager]);
    expect(manager.with(one, () => manager.active())).toBe(one);
    expect(manager.bind(one, () => manager.active())()).toBe(one);
    expect(manager.enable().active()).toBe(ROOT_CONTEXT);
  });

  it('passes on what a function is called with, what it answers and what it throws', () => {
    expect(manager.with(one, given, 'that', ...([1, 2] as never))).toEqual(['that', 1, 2]);
    expect(() =>
      manager.with(one, () => {
        throw new Error('rethrown');
      }),
    ).toThrow('rethrown');
    expect(manager.active()).toBe(ROOT_CONTEXT);
  });

  it('restores what was before, in functions, promises and timers that overlap', async () => {
    const activeLater = async (ms: number): Promise<Context> => {
      await sleep(ms);
      return manager.active();
    };
    const seen = await manager.with(one, async () => {
      const inner = manager.with(two, () => activeLater(2));
      const own = activeLater(1);
      await manager.with(two, async () => await Promise.resolve());
      return [manager.active(), await inner, await own, manager.active()];
    });
    expect(seen).toEqual([one, two, one, one]);
    expect(manager.active()).toBe(ROOT_CONTEXT);
  });

  it('leaves alone what is neither a function nor an emitter, and the length of a function', () => {
    const target = { a: 1 };
    expect(manager.bind(one, target)).toBe(target);
    expect(manager.bind(one, (_a: unknown, _b: unknown) => 0)).toHaveLength(2);
  });

  it('binds what runs later as well', async () => {
    const bound = manager.bind(one, async () => {
      await sleep(1);
      return manager.active();
    });
    expect(await manager.with(two, bound)).toBe(one);
  });

  it('binds the listeners of an emitter, which can be taken off by their own identity', () => {
    const emitter = new EventEmitter();
    expect(manager.bind(one, emitter)).toBe(emitter);
    const seen: Context[] = [];
    const listener = (): void => void seen.push(manager.active());
    const count = (): number => emitter.listenerCount('e');
    for (const add of ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const) {
      for (const remove of ['off', 'removeListener'] as const) {
        emitter[add]('e', listener);
        expect(count()).toBe(1);
        emitter.emit('e');
        emitter[remove]('e', listener);
        expect(count()).toBe(0);
      }
    }
    emitter.on('e', listener).once('f', listener);
    emitter.removeAllListeners();
    expect([count(), emitter.listenerCount('f')]).toEqual([0, 0]);
    expect(seen).toEqual(Array.from({ length: 10 }, () => one));
  });

  it('does not influence another one', () => {
    const other = another();
    manager.with(one, () => {
      expect([manager.active(), other.active()]).toEqual([one, ROOT_CONTEXT]);
      other.with(two, () => expect([manager.active(), other.active()]).toEqual([one, two]));
      other.bind(
        two,
        manager.bind(one, () => expect([manager.active(), other.active()]).toEqual([one, two])),
      )();
      other.disable();
      expect(manager.active()).toBe(one);
    });
  });

  it('has nothing active behind disable(), in what is under way too, and works as ever from then on', async () => {
    const underWay = manager.with(one, async () => {
      await sleep(3);
      return manager.active();
    });
    const token = manager.with(one, () => {
      const attached = manager.attach(two);
      manager.disable();
      expect(manager.active()).toBe(ROOT_CONTEXT);
      return attached;
    });
    expect(await manager.with(two, async () => (await sleep(1), manager.active()))).toBe(two);
    token.dispose();
    expect([manager.active(), await underWay, manager.active()]).toEqual([ROOT_CONTEXT, ROOT_CONTEXT, ROOT_CONTEXT]);
  });

  it('attaches a context until it is disposed of, once', () => {
    manager.with(one, () => {
      const token = manager.attach(two);
      expect(manager.active()).toBe(two);
      token.dispose();
      manager.with(two, () => {
        token.dispose();
        expect(manager.active()).toBe(two);
      });
      expect(manager.active()).toBe(one);
    });
  });
});

describe('a tracer that is shut down', () => {
  afterEach(() => {
    context.disable();
    propagation.disable();
    trace.disable();
  });

  it.each([
    ['registered', true],
    ['by itself', false],
  ])('leaves nothing active for the next one in what follows: %s', async (_, register) => {
    const first = createTestTracer({ register });
    const next = await first.tracer.span('first', async () => {
      await first.tracer.shutdown();
      const second = createTestTracer({ register });
      second.tracer.span('second', () => {});
      await sleep(1);
      second.tracer.span('third', () => {});
      return second;
    });
    expect(next.spans().map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
      ['second', undefined],
      ['third', undefined],
    ]);
    await next.tracer.shutdown();
  });

  it('leaves nothing active in what had begun before, where it was registered', async () => {
    const first = createTestTracer({ register: true });
    let goOn: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    const underWay = first.tracer.span('first', async () => {
      await waiting;
      trace.getTracer('library').startActiveSpan('late', (span) => span.end());
    });
    await first.tracer.shutdown();
    const second = createTestTracer({ register: true });
    goOn?.();
    await underWay;
    expect(second.spans().map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([['late', undefined]]);
    await second.tracer.shutdown();
  });

  it('by itself leaves alone what others are doing', async () => {
    const [busy, done] = [createTestTracer(), createTestTracer()];
    await busy.tracer.span('parent', async () => {
      await done.tracer.shutdown();
      busy.tracer.span('child', () => {});
    });
    const [child, parent] = busy.spans();
    expect(child?.parentSpanId).toBe(parent?.spanId);
  });
});
