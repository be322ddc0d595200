import { expect, test } from 'vitest';
import { Limiter, QueueFullError, QueueTimeoutError } from './limiter.ts';

const { signal: never } = new AbortController();

/** Tasks that begin in an order which is noted, each of which ends when it is told. */
class Tasks {
  readonly limiter: Limiter;
  readonly begun: string[] = [];
  readonly refused: string[] = [];
  readonly #ends: (() => void)[] = [];

  constructor(waitingMax: number) {
    this.limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax });
  }

  ask(name: string, kind: string, signal = never): void {
    const task = (): Promise<void> => {
      this.begun.push(name);
      return new Promise((resolve) => this.#ends.push(resolve));
    };
    this.limiter.run({ signal, kind }, task).catch((error: unknown) => {
      this.refused.push(error instanceof QueueFullError ? name : `${name} left`);
    });
  }

  /** Ends what runs, so often. */
  async end(times: number): Promise<void> {
    for (let count = 0; count < times; count++) {
      this.#ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test('kinds are served one after the other, and those of a kind as they come', async () => {
  const tasks = new Tasks(10);
  for (const name of ['a1', 'a2', 'a3', 'a4']) tasks.ask(name, 'a');
  for (const name of ['b1', 'b2']) tasks.ask(name, 'b');
  tasks.ask('c1', 'c');
  expect(tasks.limiter.waiting).toBe(6);
  await tasks.end(7);
  expect(tasks.begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  expect([tasks.limiter.running, tasks.limiter.waiting]).toEqual([0, 0]);
});

test('where too many wait, the last of the kind with most of them makes room for another kind', async () => {
  const tasks = new Tasks(3);
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) tasks.ask(name, 'a');
  for (const name of ['b1', 'b2']) tasks.ask(name, 'b');
  await tasks.end(4);
  expect(tasks.refused.toSorted()).toEqual(['a4', 'a5', 'b2']);
  expect(tasks.begun).toEqual(['a1', 'a2', 'b1', 'a3']);
});

test('one that leaves while it waits is passed over', async () => {
  const tasks = new Tasks(3);
  const leaving = new AbortController();
  tasks.ask('a1', 'a');
  tasks.ask('b1', 'b', leaving.signal);
  tasks.ask('a2', 'a');
  leaving.abort();
  await tasks.end(2);
  expect(tasks.begun).toEqual(['a1', 'a2']);
  expect(tasks.refused).toEqual(['b1 left']);
});

test('a slot that is given back goes to whoever has waited longest', async () => {
  const limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax: 8 });
  const order: string[] = [];
  const release = await limiter.acquire();
  const waiting = ['first', 'second'].map(async (name) => {
    const give = await limiter.acquire({ timeoutMs: 60_000 });
    order.push(name);
    give();
  });
  expect(limiter.waiting).toBe(2);
  release();
  await Promise.all(waiting);
  expect(order).toEqual(['first', 'second']);
  expect([limiter.running, limiter.waiting]).toEqual([0, 0]);
});

test('one that waits for too long leaves the queue, and the slot goes to the next', async () => {
  const limiter = new Limiter({ name: 'query', concurrent: 1, waitingMax: 8 });
  const release = await limiter.acquire();
  await expect(limiter.acquire({ timeoutMs: 5 })).rejects.toBeInstanceOf(QueueTimeoutError);
  expect(limiter.waiting).toBe(0);
  release();
  (await limiter.acquire({ timeoutMs: 5 }))();
});
