import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { Shutdown } from './shutdown.ts';

const silent = { info: () => {}, error: () => {} };

function recorder() {
  const shutdown = new Shutdown(['in', 'work', 'out'], silent);
  const stopped: string[] = [];
  return {
    shutdown,
    stopped,
    register: (part: 'in' | 'work' | 'out') => shutdown.register(part, () => void stopped.push(part)),
  };
}

test('stops parts in the order that is given, whatever the order in which they came', async () => {
  const { shutdown, stopped, register } = recorder();
  register('out');
  register('in');
  register('work');
  expect(shutdown.isStopping).toBe(false);
  await shutdown.run();
  expect(shutdown.isStopping).toBe(true);
  expect(stopped).toEqual(['in', 'work', 'out']);
});

test('stops a part that registers after its turn at once, and waits for it', async () => {
  const { shutdown, stopped, register } = recorder();
  const gate = new EventEmitter();
  shutdown.register('out', () => once(gate, 'open'));
  const ended = shutdown.run();
  while (gate.listenerCount('open') === 0) await Promise.resolve();
  shutdown.register('in', async () => {
    await Promise.resolve();
    stopped.push('late');
  });
  gate.emit('open');
  await ended;
  expect(stopped).toEqual(['late']);
  register('work');
  expect(stopped).toEqual(['late', 'work']);
});

test('goes on where a part fails to stop, and says so', async () => {
  const failures: unknown[] = [];
  const shutdown = new Shutdown(['in', 'out'], {
    info: () => {},
    error: (fields: unknown) => void failures.push(fields),
  });
  const stopped: string[] = [];
  shutdown.register('in', () => Promise.reject(new Error('no')));
  shutdown.register('out', () => void stopped.push('out'));
  await shutdown.run();
  await shutdown.run();
  expect(stopped).toEqual(['out']);
  expect(failures).toMatchObject([{ part: 'in' }]);
});
