import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NEW_STATE, notificationDue, notified, stepAlert, type AlertState, type Step } from './alert-state.ts';
import type { Verdict } from './judge.ts';

const MINUTE = 60_000;
const RULE = { stepMs: MINUTE, windowMs: 5 * MINUTE, forMs: 2 * MINUTE, resolveForMs: 3 * MINUTE };
const keyOf = (firedMs: number): string => `key-${firedMs}`;

/** One verdict a minute; null where the window was not looked at. */
function run(verdicts: readonly (Verdict | null)[], rule = RULE, from: AlertState = NEW_STATE, beginMs = 0): Step[] {
  const steps: Step[] = [];
  let state = from;
  for (const [at, verdict] of verdicts.entries()) {
    if (verdict === null) continue;
    const step = stepAlert(state, verdict, beginMs + (at + 1) * MINUTE, rule, keyOf);
    steps.push(step);
    ({ state } = step);
  }
  return steps;
}

const statusesOf = (steps: readonly Step[]): string[] => steps.map(({ state }) => state.status);
const eventsOf = (steps: readonly Step[]): string[] => steps.flatMap(({ event }) => event ?? []);
const verdicts = fc.array(
  fc.option(fc.constantFrom<Verdict>('beyond', 'within', 'undecided', 'few', 'none'), { freq: 20 }),
  { maxLength: 60 },
);

describe('an alert', () => {
  it('fires when the limit was passed for long enough, and resolves when it was kept for long enough', () => {
    const steps = run(['within', 'beyond', 'beyond', 'beyond', 'within', 'within', 'within', 'within', 'within']);
    expect(statusesOf(steps)).toEqual(['ok', 'pending', 'pending', 'firing', 'firing', 'firing', 'firing', 'ok', 'ok']);
    expect(steps.at(3)?.state.incident).toMatchObject({
      dedupKey: `key-${4 * MINUTE}`,
      firedMs: 4 * MINUTE,
      // The first window that passed it began five minutes before.
      beganMs: -3 * MINUTE,
    });
  });

  it('fires at once where it need not wait', () => {
    expect(statusesOf(run(['beyond', 'within'], { ...RULE, forMs: 0, resolveForMs: 0 }))).toEqual(['firing', 'ok']);
  });

  it('begins anew where a window in between decides nothing, and keeps what fires', () => {
    for (const nothing of ['undecided', 'few', 'none'] as const) {
      expect(statusesOf(run(['beyond', 'beyond', nothing, 'beyond', 'beyond']))).toEqual([
        'pending',
        'pending',
        'ok',
        'pending',
        'pending',
      ]);
      const fired = run([
        'beyond',
        'beyond',
        'beyond',
        nothing,
        'within',
        'within',
        nothing,
        'within',
        'within',
        'within',
      ]);
      expect(eventsOf(fired)).toEqual(['fired']);
    }
  });

  it('counts no time in which nobody looked, but for what the window covers', () => {
    const short = { ...RULE, windowMs: MINUTE };
    expect(statusesOf(run(['beyond', null, null, null, 'beyond'], short))).toEqual(['pending', 'pending']);
    expect(statusesOf(run(['beyond', null, null, null, 'beyond'], RULE))).toEqual(['pending', 'firing']);
    const firing = run(['beyond', 'beyond', 'beyond'], short).at(-1)!.state;
    expect(eventsOf(run(['within', null, null, null, 'within'], short, firing, 3 * MINUTE))).toEqual([]);
  });

  it('does not begin anew for a minute or two that could not be looked at', () => {
    const short = { ...RULE, windowMs: MINUTE };
    for (const missing of [[null], [null, null]]) {
      const often = Array.from({ length: 3 }, () => ['beyond', ...missing] as const).flat();
      expect(eventsOf(run(often, short))).toEqual(['fired']);
      const well = Array.from({ length: 4 }, () => ['within', ...missing] as const).flat();
      const firing = run(often, short).at(-1)!.state;
      expect(eventsOf(run(well, short, firing, (firing.evaluatedMs ?? 0) + missing.length * MINUTE))).toEqual([
        'resolved',
      ]);
    }
  });

  it('fires only after windows that have all passed the limit, and resolves only after such that have all kept it', () => {
    fc.assert(
      fc.property(verdicts, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), (given, up, down) => {
        const rule = { stepMs: MINUTE, windowMs: 5 * MINUTE, forMs: up * MINUTE, resolveForMs: down * MINUTE };
        const looked = given.filter((verdict) => verdict !== null);
        const steps = run(given, rule);
        const wrong = steps.filter(({ event }, at) => {
          if (event === null) return false;
          const [needed, long] = event === 'fired' ? (['beyond', up] as const) : (['within', down] as const);
          // Windows that nobody looked at are covered by the next: there may be fewer.
          const before = given.includes(null) ? [looked.at(at)] : looked.slice(Math.max(0, at - long), at + 1);
          return before.length < (given.includes(null) ? 1 : long + 1) || before.some((one) => one !== needed);
        });
        expect(wrong).toEqual([]);
      }),
    );
  });

  it('fires and resolves in turn, one incident at a time', () => {
    fc.assert(
      fc.property(verdicts, (given) => {
        const steps = run(given, { ...RULE, forMs: MINUTE, resolveForMs: MINUTE });
        for (const [at, event] of eventsOf(steps).entries()) expect(event).toBe(at % 2 === 0 ? 'fired' : 'resolved');
        for (const { state } of steps) expect(state.incident !== null).toBe(state.status === 'firing');
      }),
    );
  });

  it('is the same whether the collector was restarted in between', () => {
    fc.assert(
      fc.property(verdicts, fc.nat(60), (given, at) => {
        const before = run(given.slice(0, at));
        const saved = JSON.parse(JSON.stringify(before.at(-1)?.state ?? NEW_STATE)) as AlertState;
        const after = run(given.slice(at), RULE, saved, Math.min(at, given.length) * MINUTE);
        expect([...before, ...after]).toEqual(run(given));
      }),
    );
  });
});

describe('people', () => {
  const quiet = { repeatEveryMs: 0, silencedUntilMs: null };
  const firing = run(['beyond', 'beyond', 'beyond']).at(-1)!;
  const ok = run(['within']).at(-1)!;

  it('are notified when a rule fires, and when it is over', () => {
    expect(notificationDue(ok.state, firing, quiet, 0)).toBe('fired');
    const told = notified(firing.state, ['ops'], 1_000);
    expect(told.incident).toMatchObject({ notifiedMs: 1_000, notifications: 1, channels: ['ops'] });
    expect(notificationDue(told, { state: told, event: null }, quiet, 1e12)).toBeNull();
    expect(notificationDue(told, { state: ok.state, event: 'resolved' }, quiet, 0)).toBe('resolved');
    expect(notificationDue(ok.state, ok, quiet, 0)).toBeNull();
  });

  it('are notified again after so long', () => {
    const told = notified(firing.state, ['ops'], 1_000);
    const rule = { ...quiet, repeatEveryMs: 5_000 };
    expect(notificationDue(told, { state: told, event: null }, rule, 5_999)).toBeNull();
    expect(notificationDue(told, { state: told, event: null }, rule, 6_000)).toBe('repeated');
  });

  it('are left alone while a rule is silenced, and hear what still fires when that ends', () => {
    const rule = { ...quiet, silencedUntilMs: 10_000 };
    expect(notificationDue(ok.state, firing, rule, 9_999)).toBeNull();
    expect(notificationDue(firing.state, { state: firing.state, event: null }, rule, 10_000)).toBe('fired');
    // Nobody had heard of it.
    expect(notificationDue(firing.state, { state: ok.state, event: 'resolved' }, rule, 0)).toBeNull();
    // Somebody had.
    const told = notified(firing.state, ['ops'], 0);
    expect(notificationDue(told, { state: ok.state, event: 'resolved' }, rule, 0)).toBe('resolved');
  });
});
