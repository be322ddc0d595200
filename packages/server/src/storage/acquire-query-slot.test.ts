import { expect, test } from 'vitest';
import { Limiter } from '../limiter.ts';
import { acquireQuerySlot } from './acquire-query-slot.ts';

test('rejects one more than may wait as unavailable, and reports it', async () => {
  const limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax: 1 });
  let full = 0;
  const acquire = (timeoutMs = 60_000) => acquireQuerySlot(limiter, timeoutMs, undefined, () => full++);
  const release = await acquire();
  const waiting = acquire();
  await expect(acquire()).rejects.toMatchObject({ code: 'unavailable', message: 'query queue full (1)' });
  expect(full).toBe(1);
  release();
  (await waiting)();
});

test('rejects as a timeout if no slot comes free in time', async () => {
  const limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax: 8 });
  const release = await limiter.acquire();
  await expect(acquireQuerySlot(limiter, 5, undefined, () => {})).rejects.toMatchObject({ code: 'timeout' });
  release();
});

test('rejects with the reason of who has left', async () => {
  const limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax: 8 });
  const release = await limiter.acquire();
  const leaving = new AbortController();
  const waiting = acquireQuerySlot(limiter, 60_000, leaving.signal, () => {});
  leaving.abort(new Error('left'));
  await expect(waiting).rejects.toThrow('left');
  expect(limiter.waiting).toBe(0);
  release();
});
