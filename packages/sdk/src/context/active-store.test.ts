import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { activeStoreOf, keeper, sharedStore, type ActiveStore } from './active-store.ts';
import type { ActiveContext } from './active-context.ts';

const named = (name: string): ActiveContext => ({ name }) as unknown as ActiveContext;
const [a, b] = [named('a'), named('b')];

function fails(): never {
  throw new Error('no');
}

/**
 * What is tested: the module's own functions by the way that this Node has, and a store by each way that it permits.
 */
const stores: [name: string, store: ActiveStore][] = [
  [`the shared one, by ${sharedStore.way}`, { ...sharedStore, ...keeper }],
];
for (const way of ['resource', 'frame', 'public'] as const) {
  const store = activeStoreOf(way);
  if (store !== undefined) stores.push([way, store]);
}

// The flags that turn frames on in Node 22 and off since Node 24 are the application's to set.
const hasFlags = [...process.execArgv, process.env['NODE_OPTIONS']].join(' ').includes('async-context-frame');
it.skipIf(hasFlags)('is tried by every way that this Node has', () => {
  const short = Number.parseInt(process.versions.node) >= 24 ? 'frame' : 'resource';
  expect(stores.map(([, { way }]) => way)).toEqual([short, short, 'public']);
});

/** Each of the two ways in, with what is active before. */
const cases = stores.flatMap(([name, store]) => [
  {
    what: `${name}: run`,
    store,
    run: <Result>(value: ActiveContext, fn: () => Result): Result => store.run(value, fn),
  },
  {
    what: `${name}: runWithSpan`,
    store,
    run: <Result>(value: ActiveContext, fn: () => Result): Result =>
      store.runWithSpan(value, store.current(), fn, undefined),
  },
]);

describe.each(cases)('what is active in $what', ({ store, run }) => {
  const active = (): ActiveContext | undefined => store.current();

  it('is active inside, and what was before is active after it', () => {
    const seen = run(a, () => [active(), run(b, active), active()]);
    expect([...seen, active()]).toEqual([a, b, a, undefined]);
  });

  it('is active no more after an exception', () => {
    expect(() => run(a, () => run(b, fails))).toThrow('no');
    expect(active()).toBeUndefined();
  });

  it('goes with promises, timers and microtasks that start inside, and with none that start outside', async () => {
    const inside = run(a, async () => {
      const seen = [active()];
      await Promise.resolve();
      seen.push(active());
      await sleep(1);
      seen.push(active());
      await run(b, () => sleep(1));
      seen.push(active());
      return seen;
    });
    const outside = new Promise((resolve) => setImmediate(() => resolve(active())));
    expect(await inside).toEqual([a, a, a, a]);
    expect(await outside).toBeUndefined();
    expect(active()).toBeUndefined();
  });

  it('leaves what an application keeps in storages of its own as AsyncLocalStorage.run would', () => {
    const other = new AsyncLocalStorage<string>();
    const reference = new AsyncLocalStorage<string>();
    const entered = (enclose: (fn: () => void) => void): (string | undefined)[] => {
      const seen: (string | undefined)[] = [];
      other.run('outer', () => {
        enclose(() => {
          seen.push(other.getStore());
          other.enterWith('entered inside');
        });
        seen.push(other.getStore());
        other.run('within', () => enclose(() => seen.push(other.getStore())));
        seen.push(other.getStore());
      });
      seen.push(other.getStore());
      return seen;
    };
    expect(entered((fn) => run(a, fn))).toEqual(entered((fn) => reference.run('x', fn)));
    expect(active()).toBeUndefined();
  });

  it('is what was entered inside, where something was', () => {
    run(a, () => {
      store.enter(b);
      expect(active()).toBe(b);
    });
    expect(active()).toBeUndefined();
  });

  it('is taken back to what was before an entering', () => {
    run(a, () => {
      const leave = store.enter(b);
      expect(active()).toBe(b);
      leave();
      expect(active()).toBe(a);
    });
  });

  it('is nothing once it is renewed, in all that is under way, and works as ever from then on', async () => {
    let goOn: (() => void) | undefined;
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    let leave: (() => void) | undefined;
    const underWay = run(a, async () => {
      await waiting;
      const seen = [active()];
      leave?.();
      seen.push(active(), run(b, active), active());
      await sleep(1);
      return [...seen, active()];
    });
    run(a, () => {
      leave = store.enter(b);
      store.renew();
      expect([active(), run(b, active), active()]).toEqual([undefined, b, undefined]);
    });
    expect(active()).toBeUndefined();
    goOn?.();
    expect(await underWay).toEqual([undefined, undefined, b, undefined, undefined]);
    expect(await run(a, async () => (await sleep(1), active()))).toBe(a);
  });

  it('is nobody else’s', () => {
    const other = activeStoreOf(store.way);
    run(a, () => {
      expect(other?.current()).toBeUndefined();
      other?.run(b, () => expect([active(), other.current()]).toEqual([a, b]));
      other?.renew();
      expect(active()).toBe(a);
    });
  });

  it('goes with generators, event emitters and what is bound, each with what is its own', async () => {
    const seen: (ActiveContext | undefined)[] = [];
    async function* twice(): AsyncGenerator<ActiveContext | undefined> {
      yield active();
      await sleep(1);
      yield active();
    }
    const items = run(a, twice);
    seen.push(
      (await run(b, () => items.next())).value as ActiveContext,
      (await run(a, () => items.next())).value as ActiveContext,
    );
    const bound = run(a, () => AsyncResource.bind(active));
    seen.push(run(b, bound), active());
    expect(seen).toEqual([b, a, a, undefined]);
    const many = await Promise.all(
      [a, b, a, b].map((each, at) => run(each, async () => (await sleep(4 - at), active()))),
    );
    expect(many).toEqual([a, b, a, b]);
  });
});
