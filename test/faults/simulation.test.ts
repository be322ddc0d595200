import { describe, expect, it } from 'vitest';
import type { Process } from './simulation.ts';
import { Simulation, Slots } from './simulation.ts';

describe('a simulation', () => {
  it('does first what is due first, and in the order of asking what is due at once', () => {
    const simulation = new Simulation();
    const done: string[] = [];
    for (const [ms, what] of [
      [5, 'c'],
      [1, 'a'],
      [5, 'd'],
      [3, 'b'],
      [9, 'late'],
    ] as const) {
      simulation.after(ms, () => done.push(`${what} at ${simulation.now}`));
    }
    simulation.run(8);
    expect(done).toEqual(['a at 1', 'b at 3', 'c at 5', 'd at 5']);
    expect(simulation.now).toBe(8);
  });

  it('lets work go on for which nobody waits any more', () => {
    const simulation = new Simulation();
    const done: string[] = [];
    simulation.start(
      (function* caller(): Process {
        const task = simulation.start(
          (function* work(): Process<number> {
            yield 50;
            done.push(`work at ${simulation.now}`);
            return 7;
          })(),
        );
        done.push(`${yield* simulation.within(task, 20)} at ${simulation.now}`);
        done.push(`${yield* task.join()} at ${simulation.now}`);
      })(),
    );
    simulation.run(100);
    expect(done).toEqual(['false at 20', 'work at 50', '7 at 50']);
  });
});

function* use(simulation: Simulation, slots: Slots, ms: number, log: string[], name: string): Process {
  const isHeld = yield* slots.acquire(simulation, 30);
  log.push(`${name} ${isHeld ? 'begins' : 'gives up'} at ${simulation.now}`);
  if (!isHeld) return;
  yield ms;
  slots.release();
}

describe('slots', () => {
  it('are given to those who wait in turn, unless they have left', () => {
    const simulation = new Simulation();
    const slots = new Slots(1);
    const log: string[] = [];
    for (const [name, ms] of [
      ['a', 20],
      ['b', 25],
      ['c', 5],
      ['d', 5],
    ] as const) {
      simulation.start(use(simulation, slots, ms, log, name));
    }
    simulation.after(40, () => void simulation.start(use(simulation, slots, 1, log, 'e')));
    simulation.run(100);
    expect(log).toEqual(['a begins at 0', 'b begins at 20', 'c gives up at 30', 'd gives up at 30', 'e begins at 45']);
    expect(slots.held).toBe(0);
  });

  it('become fewer as they come back, and more at once', () => {
    const simulation = new Simulation();
    const slots = new Slots(2);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) simulation.start(use(simulation, slots, 10, log, name));
    slots.capacity = 1;
    simulation.after(15, () => {
      slots.capacity = 3;
    });
    simulation.run(100);
    expect(log).toEqual(['a begins at 0', 'b begins at 0', 'c begins at 10', 'd begins at 15']);
  });
});
