import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { activeStore, enterStore, runWith, runWithSpan } from './active-store.ts';
import type { Stored } from './context.ts';

const stored = (name: string): Stored => ({ name }) as unknown as Stored;
const [a, b] = [stored('a'), stored('b')];

function fails(): never {
  throw new Error('no');
}

/** Each of the two ways in, with what is active before. */
const ways = {
  runWith: <Result>(value: Stored, fn: () => Result): Result => runWith(value, fn),
  runWithSpan: <Result>(value: Stored, fn: () => Result): Result => runWithSpan(value, activeStore(), fn, undefined),
};

describe.each(Object.entries(ways))('what is active by %s', (_, run) => {
  it('is active inside, and what was before is active after it', () => {
    const seen = run(a, () => [activeStore(), run(b, activeStore), activeStore()]);
    expect([...seen, activeStore()]).toEqual([a, b, a, undefined]);
  });

  it('is active no more after an exception', () => {
    expect(() => run(a, () => run(b, fails))).toThrow('no');
    expect(activeStore()).toBeUndefined();
  });

  it('goes with promises, timers and microtasks that start inside, and with none that start outside', async () => {
    const inside = run(a, async () => {
      const seen = [activeStore()];
      await Promise.resolve();
      seen.push(activeStore());
      await sleep(1);
      seen.push(activeStore());
      await run(b, () => sleep(1));
      seen.push(activeStore());
      return seen;
    });
    const outside = new Promise((resolve) => setImmediate(() => resolve(activeStore())));
    expect(await inside).toEqual([a, a, a, a]);
    expect(await outside).toBeUndefined();
    expect(activeStore()).toBeUndefined();
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
    expect(activeStore()).toBeUndefined();
  });

  it('is what was entered inside, where something was', () => {
    run(a, () => {
      enterStore(b);
      expect(activeStore()).toBe(b);
    });
    expect(activeStore()).toBeUndefined();
  });
});
