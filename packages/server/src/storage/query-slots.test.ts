import { expect, test } from 'vitest';
import { QuerySlots } from './query-slots.ts';

test('gives a slot that is given back to whoever has waited longest', async () => {
  const slots = new QuerySlots(1, 8);
  const order: string[] = [];
  const release = await slots.take(1_000);
  const waiting = ['first', 'second'].map(async (name) => {
    const give = await slots.take(1_000);
    order.push(name);
    give();
  });
  expect(slots.queued).toBe(2);
  release();
  await Promise.all(waiting);
  expect(order).toEqual(['first', 'second']);
  expect(slots.queued).toBe(0);
});

test('refuses one more than may wait, as unavailable', async () => {
  const slots = new QuerySlots(1, 1);
  const release = await slots.take(1_000);
  const waiting = slots.take(1_000);
  await expect(slots.take(1_000)).rejects.toMatchObject({ code: 'unavailable' });
  release();
  (await waiting)();
});

test('answers timeout where no slot comes free in time, and gives the slot to the next', async () => {
  const slots = new QuerySlots(1, 8);
  const release = await slots.take(1_000);
  await expect(slots.take(5)).rejects.toMatchObject({ code: 'timeout' });
  release();
  (await slots.take(5))();
});
