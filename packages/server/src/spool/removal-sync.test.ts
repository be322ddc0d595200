import { expect, test } from 'vitest';
import { RemovalSync } from './removal-sync.ts';

/** Syncs that end when they are told to. */
function controlled(): { sync: () => Promise<void>; begun: () => number; end: (error?: Error) => void } {
  let begun = 0;
  let settle: ((error?: Error) => void) | undefined;
  const sync = (): Promise<void> => {
    begun += 1;
    return new Promise((resolve, reject) => {
      settle = (error): void => (error === undefined ? resolve() : reject(error));
    });
  };
  return { sync, begun: () => begun, end: (error) => settle?.(error) };
}

test('removals that come while a sync runs share the next one', async () => {
  const { sync, begun, end } = controlled();
  const removals = new RemovalSync(sync, () => {});
  removals.request();
  for (let removal = 0; removal < 5; removal++) removals.request();
  expect(begun()).toBe(1);
  end();
  await expect.poll(begun).toBe(2);
  const settled = removals.settled();
  end();
  await settled;
  expect(begun()).toBe(2);
  removals.request();
  expect(begun()).toBe(3);
});

test('that syncs fail is reported once, until one succeeds, and each removal is tried anew', async () => {
  const { sync, begun, end } = controlled();
  const failures: unknown[] = [];
  const removals = new RemovalSync(sync, (error) => failures.push(error));
  for (const outcome of ['EIO', 'EIO', undefined, 'ENOSPC']) {
    removals.request();
    end(outcome === undefined ? undefined : new Error(outcome));
    await removals.settled();
  }
  expect(begun()).toBe(4);
  expect(failures).toEqual([new Error('EIO'), new Error('ENOSPC')]);
});
