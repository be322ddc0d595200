import { EventEmitter } from 'node:events';
import { expect, it, vi } from 'vitest';
import { createTestTracer } from '../testing.ts';

it('a promise that a function returns keeps its own methods', async () => {
  const { tracer, spans } = createTestTracer();
  const kill = vi.fn<() => void>();
  const child = tracer.span('own', () => Object.assign(Promise.resolve(7), { kill, pid: 17 }));
  child.kill();
  expect([child.pid, kill.mock.calls.length, await child]).toEqual([17, 1, 7]);

  class Process extends EventEmitter {
    readonly stdout = 'out';
    get exitCode(): number {
      return 0;
    }
    stop(): this {
      return this;
    }
    // oxlint-disable-next-line unicorn/no-thenable -- As execa's are.
    then<A, B>(resolved: (value: string) => A, rejected: (error: unknown) => B): Promise<A | B> {
      return Promise.resolve('done').then(resolved, rejected);
    }
  }
  const made = new Process();
  const process = tracer.span('emitter', () => made);
  expect([process.stdout, process.exitCode, process.stop()]).toEqual(['out', 0, made]);
  process.once('spawn', kill);
  made.emit('spawn');
  expect(kill).toHaveBeenCalledTimes(2);
  expect(await process).toBe('done');

  class Cancelable<T> extends Promise<T> {
    cancel(): string {
      return 'cancelled';
    }
  }
  const cancelable = tracer.span('subclass', () => new Cancelable<number>((resolve) => resolve(1)));
  expect(cancelable.cancel()).toBe('cancelled');
  await cancelable;
  await expect(tracer.span('fails', () => Object.assign(Promise.reject(new Error('x')), { kill }))).rejects.toThrow(
    'x',
  );
  expect(spans().map(({ name, status }) => [name, status])).toEqual([
    ['own', 'unset'],
    ['emitter', 'unset'],
    ['subclass', 'unset'],
    ['fails', 'error'],
  ]);
});
