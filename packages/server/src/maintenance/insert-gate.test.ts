import { expect, test } from 'vitest';
import type { Engine, SpanRecovery } from '../storage/engine.ts';
import { InsertGate } from './insert-gate.ts';

/** What is handed over, and how it ends. */
function anEngine() {
  const events: string[] = [];
  const ends: (() => void)[] = [];
  const insert = (name: string): Promise<void> => {
    events.push(name);
    return new Promise((resolve) => ends.push(resolve));
  };
  return {
    events,
    end: () => ends.shift()?.(),
    insertNativeFile: (_table: string, _path: string, name: string) => insert(name),
    insertMissingSpans: async (_path: string, name: string) => {
      await insert(name);
      return 3;
    },
  };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
};

test('whoever holds the gate waits for every kind of insert, and those that come wait for it', async () => {
  const gate = new InsertGate();
  const engine = anEngine();
  const gated = gate.around(engine);
  const running = [gated.insertNativeFile('spans', '/a', 'a'), gated.insertMissingSpans('/b', 'b')];
  await turns();
  expect(engine.events).toEqual(['a', 'b']);
  let letGo: (() => void) | undefined;
  const held = gate.whileHeld(() => {
    engine.events.push('held');
    return new Promise<void>((resolve) => (letGo = resolve));
  });
  const later = [gated.insertNativeFile('spans', '/c', 'c'), gated.insertMissingSpans('/d', 'd')];
  engine.end();
  await turns();
  expect(engine.events).toEqual(['a', 'b']);
  engine.end();
  await turns();
  expect(engine.events).toEqual(['a', 'b', 'held']);
  expect(await Promise.all(running)).toEqual([undefined, 3]);
  letGo?.();
  await held;
  await turns();
  expect(engine.events).toEqual(['a', 'b', 'held', 'c', 'd']);
  engine.end();
  engine.end();
  await Promise.all(later);
});

test('one holds the gate at a time, and no insert slips in between two of them', async () => {
  const gate = new InsertGate();
  const engine = anEngine();
  const gated = gate.around(engine);
  const hold = (name: string) =>
    gate.whileHeld(async () => void engine.events.push(name, await Promise.resolve('end')));
  const first = hold('first');
  const insert = gated.insertNativeFile('spans', '/a', 'a');
  const second = hold('second');
  await Promise.all([first, second]);
  await turns();
  expect(engine.events).toEqual(['first', 'end', 'second', 'end', 'a']);
  engine.end();
  await insert;
});

test('a gate whose holder has failed is open again, and so is one behind an insert that failed', async () => {
  const gate = new InsertGate();
  const failing = gate.around<Pick<Engine, 'insertNativeFile'> & SpanRecovery>({
    insertNativeFile: () => Promise.reject(new Error('the engine is away')),
    insertMissingSpans: () => Promise.resolve(0),
  });
  await expect(gate.whileHeld(() => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
  const insert = failing.insertNativeFile('spans', '/a', 'a');
  await expect(insert).rejects.toThrow('the engine is away');
  expect(await gate.whileHeld(() => Promise.resolve('held'))).toBe('held');
  expect(await failing.insertMissingSpans('/a', 'a')).toBe(0);
});
