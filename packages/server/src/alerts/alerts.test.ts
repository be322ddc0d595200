import { formatDuration } from '@throughline/trace';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Alerts } from './alerts.ts';
import type { AlertState } from './alert-state.ts';
import type { Evaluation } from './evaluator.ts';
import type { Verdict } from './judge.ts';
import { ALERT_LIMITS } from './limits.ts';
import { Notifier } from './notifier.ts';
import { RuleFile } from './rule-file.ts';
import type { AlertRule } from './rules/rule.ts';
import type { AlertStates, SavedAlerts } from './saved-alerts.ts';
import { NO_FINDINGS } from './tell-alert.ts';
import type { AlertMessage } from './channels/alert-message.ts';
import { startReceiver, type Receiver } from './testing/receivers.ts';

const MINUTE = 60_000;
const T0 = Math.floor(Date.parse('2026-11-30T16:00:00Z') / MINUTE) * MINUTE;
const log = pino({ level: 'silent' });
const signal = new AbortController().signal;

let directory: string;
let receiver: Receiver;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'throughline-alerts-'));
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await rm(directory, { recursive: true, force: true });
});

/** What a store would keep, whoever writes it. */
class MemoryStates implements AlertStates {
  text: string | null = null;
  failure: Error | null = null;
  saves = 0;

  load(): Promise<SavedAlerts | null> {
    return Promise.resolve(this.text === null ? null : (JSON.parse(this.text) as SavedAlerts));
  }

  save(alerts: SavedAlerts): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    this.text = JSON.stringify(alerts);
    this.saves += 1;
    return Promise.resolve();
  }
}

/** One collector, its clock, and what it would find in the store. */
class Harness {
  nowMs = T0;
  term: number | null = 1;
  storedUntil = Number.MAX_SAFE_INTEGER;
  readonly verdicts = new Map<string, Verdict | Error>();
  readonly evaluated: string[] = [];
  readonly seen: AlertState[] = [];
  readonly registry = new Registry();
  /** What an evaluation looks at. */
  windowMs = 5 * MINUTE;
  readonly limits: string[] = [];
  /** By rule: what its evaluation, and what the search for a cause, takes until. */
  readonly evaluating = new Map<string, Promise<void>>();
  readonly finding = new Map<string, Promise<void>>();
  readonly warned: object[] = [];
  readonly alerts: Alerts;

  constructor(file: string, states: AlertStates, limits: Partial<typeof ALERT_LIMITS> = {}) {
    const all = { ...ALERT_LIMITS, delayMs: 0, ...limits };
    const evaluate = async (
      rule: AlertRule,
      state: AlertState,
      _weight: number,
      endMs: number,
    ): Promise<Evaluation> => {
      this.evaluated.push(`${rule.name} ${(endMs - T0) / MINUTE}`);
      this.seen.push(state);
      const verdict = this.verdicts.get(rule.name) ?? 'within';
      await this.evaluating.get(rule.name);
      if (verdict instanceof Error) throw verdict;
      return {
        verdict,
        value: 0.5,
        interval: { lower: 0.4, upper: 0.6 },
        requests: 100,
        weight: 1,
        windowMs: this.windowMs,
        findings: NO_FINDINGS,
      };
    };
    const find = async ({ name }: AlertRule): Promise<typeof NO_FINDINGS> => {
      await this.finding.get(name);
      return NO_FINDINGS;
    };
    this.alerts = new Alerts({
      file: new RuleFile(file, 200, log),
      evaluator: { evaluate, find },
      notifier: new Notifier({
        env: {},
        limits: all,
        log,
        registry: this.registry,
        now: () => this.nowMs,
        random: () => 0,
      }),
      states,
      term: () => this.term,
      storedUntil: () => Promise.resolve(this.storedUntil),
      listeningSinceMs: () => T0,
      publicUrl: () => 'https://tools.example',
      limits: all,
      log: { warn: (facts: object) => void this.warned.push(facts) },
      registry: this.registry,
      limitCounter: { reached: (limit) => void this.limits.push(limit) },
      now: () => this.nowMs,
    });
  }

  /** Lets it be so many minutes after the begin, evaluates, and sends what is due. */
  async at(minutes: number): Promise<void> {
    this.nowMs = T0 + minutes * MINUTE;
    await this.alerts.evaluate(signal);
    await this.alerts.notify(signal);
  }

  async states(): Promise<string[]> {
    return (await this.alerts.status()).map(({ rule, state }) => `${rule.name} ${state.status}`);
  }
}

/** What others wait for until it is opened. */
function latch(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open?.() };
}

let files = 0;
async function fileOf(rules: string): Promise<string> {
  files += 1;
  const path = join(directory, `alerts-${files}.yaml`);
  const channels = `channels:\n  hook: {type: webhook, url: "${receiver.url}/${files}"}\n`;
  await writeFile(path, `${channels}defaults: {notify: hook, for: 0s}\nrules:\n${rules}`);
  return path;
}
const rule = (name: string, more = ''): string =>
  `  - {name: ${name}, watch: errors, of: {service: ${name}}, above: 1%${more}}\n`;
/** What arrived for the newest file. */
const messages = (): AlertMessage[] =>
  receiver.received.filter(({ path }) => path === `/${files}`).map(({ body }) => JSON.parse(body) as AlertMessage);
const events = (): string[] => messages().map(({ rule: { name }, event }) => `${name} ${event}`);

describe('alerts', () => {
  it('look at each minute once, and at each rule in its own steps', async () => {
    const odd = '  - {name: odd, watch: unusual, window: 9m, of: {service: b}}\n';
    const one = new Harness(await fileOf(rule('a') + odd), new MemoryStates());
    for (let at = 0; at <= 3; at += 0.25) await one.at(at);
    expect(one.evaluated).toEqual(['a 0', 'odd 0', 'a 1', 'a 2', 'a 3', 'odd 3']);
  });

  it('wait until spans may have come, and until those that came are stored', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), { delayMs: 30_000, waitMs: MINUTE });
    await one.at(1.4);
    expect(one.evaluated).toEqual(['a 0']);
    one.storedUntil = (T0 + MINUTE) * 1_000 - 1;
    await one.at(1.5);
    expect(one.evaluated).toEqual(['a 0']);
    one.storedUntil += 1;
    await one.at(1.6);
    expect(one.evaluated).toEqual(['a 0', 'a 1']);
    // After the time to wait it is left out, and said so.
    one.storedUntil = 0;
    await one.at(2.5);
    await one.at(3.6);
    expect(one.evaluated).toEqual(['a 0', 'a 1']);
    for (let at = 3.6; at < 4.4; at += 0.1) await one.at(at);
    expect(one.evaluated).toEqual(['a 0', 'a 1']);
  });

  it('go on minute by minute behind a store that lags', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), { delayMs: 30_000 });
    await one.at(0.5);
    // Two minutes behind, as under a load that lasts.
    for (let at = 1; at <= 10; at += 0.25) {
      one.storedUntil = (T0 + (at - 2) * MINUTE) * 1_000;
      await one.at(at);
    }
    expect(one.evaluated).toEqual(['a 0', 'a 1', 'a 2', 'a 3', 'a 4', 'a 5', 'a 6', 'a 7', 'a 8']);
    // It stops: whoever asks hears of it, before the time to wait is over, too.
    await one.at(11);
    expect((await one.alerts.status()).at(0)?.problem).not.toBeNull();
    expect(await one.registry.metrics()).toContain('{outcome="behind"} 0');
    // It goes on: what was missed is looked at, one window after the other.
    one.storedUntil = Number.MAX_SAFE_INTEGER;
    for (let at = 11; at <= 12; at += 0.25) await one.at(at);
    expect(one.evaluated.slice(9)).toEqual(['a 9', 'a 10', 'a 11']);
    expect((await one.alerts.status()).at(0)?.problem).toBeNull();
  });

  it('leave out a minute that the store does not take in time, count it and say so', async () => {
    const one = new Harness(await fileOf(rule('a') + rule('b')), new MemoryStates(), { delayMs: 30_000 });
    await one.at(0.5);
    one.storedUntil = T0 * 1_000;
    for (let at = 1; at <= 9; at += 0.25) await one.at(at);
    // Minute 1 is waited for until 6.5, and so on.
    expect(await one.registry.metrics()).toContain('{outcome="behind"} 6');
    expect(one.evaluated).toEqual(['a 0', 'b 0']);
    expect(one.warned).toHaveLength(1);
    one.storedUntil = Number.MAX_SAFE_INTEGER;
    await one.at(9.25);
    expect(one.evaluated.slice(2)).toEqual(['a 4', 'b 4']);
  });

  it('that nobody looked at for long are not made up for', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates());
    await one.at(0);
    one.storedUntil = T0 * 1_000;
    await one.at(1);
    one.storedUntil = Number.MAX_SAFE_INTEGER;
    for (let at = 600; at <= 601; at += 0.125) await one.at(at);
    expect(one.evaluated).toEqual(['a 0', 'a 596', 'a 597', 'a 598', 'a 599', 'a 600', 'a 601']);
  });

  it('that wait for too long are counted as behind', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), { waitMs: 0 });
    one.storedUntil = 0;
    await one.at(1);
    expect(await one.registry.metrics()).toContain('throughline_alert_evaluations_total{outcome="behind"} 1');
    expect((await one.alerts.status()).at(0)?.problem).not.toBeNull();
  });

  it('notify once when a rule fires and once when it is over, and again after so long', async () => {
    const one = new Harness(await fileOf(rule('a', ', repeatEvery: 5m')), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    for (let at = 0; at <= 11; at++) await one.at(at);
    expect(events()).toEqual(['a fired', 'a repeated', 'a repeated']);
    one.verdicts.set('a', 'within');
    for (let at = 12; at <= 15; at++) await one.at(at);
    expect(events().slice(3)).toEqual(['a resolved']);
    expect(new Set(messages().map(({ dedupKey }) => dedupKey)).size).toBe(1);
  });

  it('say of how long a time they speak', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    one.verdicts.set('a', 'within');
    one.windowMs = 3 * 60 * MINUTE;
    await one.at(1);
    expect(messages().map(({ measured }) => measured?.windowSeconds)).toEqual([300, 10_800]);
    expect(
      messages().map(({ details }) => details.some((line) => line.includes(formatDuration(one.windowMs * 1e6)))),
    ).toEqual([false, true]);
  });

  it('go on after a restart where they were, and say nothing twice', async () => {
    const states = new MemoryStates();
    const path = await fileOf(rule('a'));
    const one = new Harness(path, states);
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    const next = new Harness(path, states);
    next.verdicts.set('a', 'beyond');
    await next.at(0.5);
    await next.at(1);
    expect(await next.states()).toEqual(['a firing']);
    expect(next.evaluated).toEqual(['a 1']);
    expect(events()).toEqual(['a fired']);
  });

  it('do not take what was before the start for a lack of requests', async () => {
    const stopped = '  - {name: stopped, watch: rate, of: {service: a}, below: 1/s, window: 3m}\n';
    const one = new Harness(await fileOf(rule('a') + stopped + rule('b', ', noData: fire')), new MemoryStates());
    for (let at = 0; at <= 5; at++) await one.at(at);
    expect(one.evaluated.filter((each) => !each.startsWith('a '))).toEqual([
      'stopped 3',
      'stopped 4',
      'stopped 5',
      'b 5',
    ]);
  });

  it('keep a message that was not delivered over a restart', async () => {
    const states = new MemoryStates();
    const path = await fileOf(rule('a'));
    const one = new Harness(path, states);
    one.verdicts.set('a', 'beyond');
    receiver.answers.push({ status: 503 });
    await one.at(0);
    expect(events()).toEqual(['a fired']);
    const next = new Harness(path, states);
    next.nowMs = T0 + MINUTE;
    await next.alerts.notify(signal);
    const [first, second] = messages();
    expect([second?.id, second?.dedupKey]).toEqual([first?.id, first?.dedupKey]);
    await next.alerts.notify(signal);
    expect(messages()).toHaveLength(2);
  });

  it('are evaluated by the collector that has the lease, which goes on where the other was', async () => {
    const states = new MemoryStates();
    const path = await fileOf(rule('a'));
    const [one, other] = [new Harness(path, states), new Harness(path, states)];
    other.term = null;
    one.verdicts.set('a', 'beyond');
    other.verdicts.set('a', 'beyond');
    await one.at(0);
    // Whoever has not the lease shows what is saved.
    expect(await other.states()).toEqual(['a firing']);
    one.term = null;
    other.term = 2;
    await other.at(1);
    expect(events()).toEqual(['a fired']);
    other.verdicts.set('a', 'within');
    await other.at(2);
    expect(events()).toEqual(['a fired', 'a resolved']);
    // The lease comes back to the first one: what it remembers is old.
    one.term = 3;
    await one.at(2.5);
    expect(await one.states()).toEqual(['a ok']);
    expect(events()).toEqual(['a fired', 'a resolved']);
  });

  it('name no problem that was one of an earlier term', async () => {
    const states = new MemoryStates();
    const one = new Harness(await fileOf(rule('a')), states);
    const problem = async (): Promise<string | null | undefined> => (await one.alerts.status()).at(0)?.problem;
    one.verdicts.set('a', new Error('the store is away'));
    await one.at(0);
    expect(await problem()).toBe('the store is away');
    // Another collector has the lease, and then this one has it again.
    one.term = null;
    expect(await problem()).toBeNull();
    one.term = 2;
    await one.alerts.notify(signal);
    expect(await problem()).toBeNull();
  });

  it('know what was saved once, whichever job asks first', async () => {
    const states = new MemoryStates();
    const path = await fileOf(rule('a'));
    const one = new Harness(path, states);
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    const next = new Harness(path, states);
    next.nowMs = T0 + MINUTE;
    next.verdicts.set('a', 'within');
    let loads = 0;
    const saved = states.load();
    states.load = () => {
      loads += 1;
      return saved;
    };
    await Promise.all([next.alerts.notify(signal), next.alerts.notify(signal), next.alerts.evaluate(signal)]);
    expect([loads, await next.states()]).toEqual([1, ['a ok']]);
  });

  it('keep the state of a rule that cannot be evaluated, and evaluate the others', async () => {
    const one = new Harness(await fileOf(rule('a') + rule('b')), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    one.verdicts.set('a', new Error('the store is away'));
    one.verdicts.set('b', 'beyond');
    await one.at(1);
    await one.at(1.5);
    expect(await one.states()).toEqual(['a firing', 'b firing']);
    expect((await one.alerts.status()).map(({ problem }) => problem)).toEqual(['the store is away', null]);
    // Not again and again within a minute.
    expect(one.evaluated).toEqual(['a 0', 'b 0', 'a 1', 'b 1']);
    one.verdicts.set('a', 'within');
    await one.at(2);
    expect((await one.alerts.status()).map(({ problem }) => problem)).toEqual([null, null]);
  });

  it('hold up no other by a query that takes long', async () => {
    const one = new Harness(await fileOf(rule('a') + rule('b') + rule('c')), new MemoryStates());
    const slow = latch();
    one.evaluating.set('a', slow.opened);
    const look = one.alerts.evaluate(signal);
    await vi.waitFor(() => expect(one.evaluated).toEqual(['a 0', 'b 0', 'c 0']));
    slow.open();
    await look;
  });

  it('tell of one while the cause of another is looked for', async () => {
    const states = new MemoryStates();
    const one = new Harness(await fileOf(rule('a') + rule('b') + rule('c')), states);
    for (const name of ['a', 'b', 'c']) one.verdicts.set(name, 'beyond');
    const slow = latch();
    one.finding.set('a', slow.opened);
    let sending = Promise.resolve();
    one.alerts.onWaiting(() => {
      // What is sent is kept.
      expect(states.text).toContain('firing');
      sending = sending.then(() => one.alerts.notify(signal));
    });
    const look = one.alerts.evaluate(signal);
    await vi.waitFor(() => expect(events()).toEqual(['b fired', 'c fired']));
    expect(await one.states()).toEqual(['a firing', 'b firing', 'c firing']);
    slow.open();
    await look;
    await sending;
    expect(events()).toEqual(['b fired', 'c fired', 'a fired']);
  });

  it('are silent until the time that the rule names', async () => {
    const until = new Date(T0 + 3 * MINUTE).toISOString();
    const one = new Harness(await fileOf(rule('a', `, silencedUntil: "${until}"`)), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    for (const at of [0, 1, 2]) await one.at(at);
    expect([await one.states(), events()]).toEqual([['a firing'], []]);
    await one.at(3);
    expect(events()).toEqual(['a fired']);
  });

  it('are over when their rule is taken out of the file', async () => {
    const path = await fileOf(rule('a') + rule('b'));
    const one = new Harness(path, new MemoryStates());
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    await writeFile(path, (await readFile(path, 'utf8')).replace(rule('a'), ''));
    await one.at(1);
    expect(events()).toEqual(['a fired', 'a resolved']);
    expect(await one.states()).toEqual(['b ok']);
  });

  it('have a bounded queue, which drops the oldest and counts it', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const one = new Harness(await fileOf(names.map((name) => rule(name)).join('')), new MemoryStates(), {
      notificationsMax: 3,
    });
    for (const name of names) one.verdicts.set(name, 'beyond');
    await one.at(0);
    expect(events()).toEqual(['b fired', 'c fired', 'd fired']);
    expect(one.limits).toEqual(['alerts.notificationsMax']);
    expect(await one.registry.metrics()).toContain('{channel="hook",outcome="dropped"} 1');
  });

  it('do not end where what they know cannot be saved', async () => {
    const states = new MemoryStates();
    const one = new Harness(await fileOf(rule('a')), states);
    one.verdicts.set('a', 'beyond');
    states.failure = new Error('the disk is full');
    await expect(one.at(0)).rejects.toThrow(states.failure);
    states.failure = null;
    await one.at(1);
    expect(events()).toEqual(['a fired']);
    expect(states.saves).toBeGreaterThan(0);
  });

  it('count rules by their state', async () => {
    const one = new Harness(await fileOf(rule('a') + rule('b')), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    await one.at(0);
    const metrics = await one.registry.metrics();
    expect(metrics).toContain('throughline_alerts{state="firing"} 1');
    expect(metrics).toContain('throughline_alerts{state="ok"} 1');
    expect(metrics).toContain('throughline_alert_evaluations_total{outcome="beyond"} 1');
  });
});

describe('a receiver that fails', () => {
  it('is tried again after a delay that doubles, and given up after so many attempts', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), {
      attemptsMax: 4,
      retryDelayMs: 1_000,
      retryDelayMsMax: 3_000,
    });
    one.verdicts.set('a', 'beyond');
    receiver.answers.push({ status: 500 }, { status: 500 }, { status: 500 }, { status: 500 });
    await one.at(0);
    const attempts: number[] = [];
    for (let second = 0; second <= 20; second++) {
      one.nowMs = T0 + second * 1_000;
      const before = messages().length;
      await one.alerts.notify(signal);
      if (messages().length > before) attempts.push(second);
    }
    expect(attempts).toEqual([1, 3, 6]);
    expect(messages()).toHaveLength(4);
    const metrics = await one.registry.metrics();
    expect(metrics).toContain('{channel="hook",outcome="retried"} 3');
    expect(metrics).toContain('{channel="hook",outcome="dropped"} 1');
  });

  it('is given the time that it asks for, up to the longest delay', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), {
      retryDelayMs: 1_000,
      retryDelayMsMax: 30_000,
    });
    one.verdicts.set('a', 'beyond');
    receiver.answers.push(
      { status: 429, headers: { 'retry-after': '20' } },
      { status: 429, headers: { 'retry-after': '3600' } },
    );
    await one.at(0);
    for (const [second, count] of [
      [19, 1],
      [20, 2],
      [49, 2],
      [50, 3],
    ] as const) {
      one.nowMs = T0 + second * 1_000;
      await one.alerts.notify(signal);
      expect([second, messages().length]).toEqual([second, count]);
    }
  });

  it('holds up no other channel, and not what is said of other incidents', async () => {
    const other = await startReceiver();
    try {
      const path = await fileOf(rule('a') + rule('b'));
      const text = await readFile(path, 'utf8');
      const second = `  other: {type: webhook, url: "${other.url}/x"}\n`;
      await writeFile(path, text.replace('defaults: {notify: hook', `${second}defaults: {notify: [hook, other]`));
      const one = new Harness(path, new MemoryStates(), { sendTimeoutMs: 100, retryDelayMs: 1_000 });
      one.verdicts.set('a', 'beyond');
      one.verdicts.set('b', 'beyond');
      receiver.answers.push('hang');
      await one.at(0);
      expect(other.received).toHaveLength(2);
      expect(events()).toEqual(['a fired']);
      await one.alerts.notify(signal);
      expect(events()).toEqual(['a fired', 'b fired']);
    } finally {
      await other.close();
    }
  });

  it('hears of an incident in its order', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates(), {
      retryDelayMs: 300_000,
      retryDelayMsMax: 300_000,
    });
    one.verdicts.set('a', 'beyond');
    receiver.answers.push({ status: 500 });
    await one.at(0);
    one.verdicts.set('a', 'within');
    await one.at(1);
    expect(events()).toEqual(['a fired']);
    // What waits behind it is not looked for again and again, nor anything by whoever has lost the lease.
    const { everyMs } = one.alerts.notificationJob;
    const pauseMs = typeof everyMs === 'number' ? [everyMs] : [everyMs()];
    one.term = null;
    if (typeof everyMs === 'function') pauseMs.push(everyMs());
    one.term = 1;
    expect(pauseMs).toEqual([MINUTE, MINUTE]);
    one.nowMs = T0 + 6 * MINUTE;
    await one.alerts.notify(signal);
    await one.alerts.notify(signal);
    expect(events()).toEqual(['a fired', 'a fired', 'a resolved']);
  });

  it('that rejects a message is not asked again', async () => {
    const one = new Harness(await fileOf(rule('a')), new MemoryStates());
    one.verdicts.set('a', 'beyond');
    receiver.answers.push({ status: 400 });
    await one.at(0);
    await one.at(10);
    expect(events()).toEqual(['a fired']);
    expect(await one.registry.metrics()).toContain('{channel="hook",outcome="failed"} 1');
  });
});
