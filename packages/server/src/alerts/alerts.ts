import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { Job } from '../jobs/jobs.ts';
import type { LimitCounter } from '../limit-counter.ts';
import { registerGauge, registerLabelledGauge } from '../register-gauge.ts';
import { notificationDue, notified, skipAlert, stepAlert, type AlertStatus, type Notification } from './alert-state.ts';
import type { AlertMessage } from './channels/alert-message.ts';
import { evaluationStepMs, type Evaluation, type Evaluator } from './evaluator.ts';
import type { AlertLimits } from './limits.ts';
import type { Notifier } from './notifier.ts';
import type { RuleFile } from './rule-file.ts';
import type { AlertRule } from './rules/rule.ts';
import {
  firstOfEach,
  NEW_RULE,
  NOTHING_SAVED,
  type AlertStates,
  type SavedAlerts,
  type SavedRule,
} from './saved-alerts.ts';
import { dedupKeyOf, NO_FINDINGS, tellAlert, type AlertFindings, type ShownReading } from './tell-alert.ts';

export interface AlertsOptions {
  readonly file: RuleFile;
  readonly evaluator: Pick<Evaluator, 'evaluate' | 'find'>;
  readonly notifier: Pick<Notifier, 'deliver' | 'drop'>;
  readonly states: AlertStates;
  /** Another number each time that this collector has got the lease of the store; null while it has it not. */
  readonly term: () => number | null;
  /** What arrived until then is stored or can be queried; microseconds since the epoch. Rejects as queries do. */
  readonly storedUntil: () => Promise<number>;
  /**
   * Since when this collector or another accepts spans, in milliseconds since the epoch: that there were none before
   * says nothing.
   */
  readonly listeningSinceMs: () => number;
  /** Of the UI, without a slash at its end. */
  readonly publicUrl: () => string;
  readonly limits: AlertLimits;
  readonly log: Pick<Logger, 'warn'>;
  readonly registry: Registry;
  readonly limitCounter: Pick<LimitCounter, 'reached'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A rule, and how it is. */
export interface RuleStatus extends SavedRule {
  readonly rule: AlertRule;
  /** Why the last window could not be looked at; null where it could, or another collector looks. */
  readonly problem: string | null;
}

/** A window of a rule, by its end. */
interface DueWindow {
  readonly rule: AlertRule;
  readonly endMs: number;
}

/** What people are to be told of a rule. */
interface Untold extends DueWindow {
  readonly before: SavedRule;
  readonly after: SavedRule;
  readonly due: Notification;
  /** From the evaluation. */
  readonly known: AlertFindings;
}

interface AwaitedWindow {
  readonly endMs: number;
  /** Then it is left out. */
  readonly untilMs: number;
}

const MINUTE_MS = 60_000;
/** A clock that is ahead by more was wrong when it said so. */
const AHEAD_MS_MAX = 3_600_000;
const OUTCOMES = ['beyond', 'within', 'undecided', 'few', 'none', 'failed', 'behind'] as const;
/** Between two looks at what waits, where nothing does. */
const IDLE_MS = 60_000;
const DUE_MS_MIN = 100;
/** A rule whose query is slow leaves room for others; more at once would only wait for each other in the store. */
const AT_ONCE = 4;
const NOT_STORED = 'spans of this time are not stored yet';

/**
 * Evaluates rules once a minute, and notifies people. Of several collectors the one does that holds the lease of the
 * store; what it remembers is saved after each minute, so that whoever goes on goes on from there.
 */
export class Alerts {
  readonly #options: AlertsOptions;
  readonly #evaluations: Counter<'outcome'>;
  readonly #seconds: Histogram;
  /** Undefined before anything is known. */
  #saved: SavedAlerts | undefined;
  #term: number | null = null;
  /** By rule: the end of the last window that was tried, so that one that fails is not tried every few seconds. */
  readonly #tried = new Map<string, number>();
  /** By rule: the oldest window that may have to wait until what arrived in it is stored. */
  readonly #awaited = new Map<string, AwaitedWindow>();
  #isBehind = false;
  readonly #problems = new Map<string, string>();
  #saving: Promise<void> = Promise.resolve();
  #restoring: Promise<SavedAlerts> | null = null;
  #onWaiting: () => void = () => {};

  constructor(options: AlertsOptions) {
    this.#options = options;
    const { registry, file } = options;
    this.#evaluations = new Counter({
      name: 'throughline_alert_evaluations_total',
      help: 'Evaluations of alert rules by outcome: beyond, within, undecided (the limit is in the interval), few (requests), none, failed, behind (spans are not stored yet)',
      labelNames: ['outcome'],
      registers: [registry],
    });
    for (const outcome of OUTCOMES) this.#evaluations.inc({ outcome }, 0);
    this.#seconds = new Histogram({
      name: 'throughline_alert_evaluation_seconds',
      help: 'Duration of the evaluation of one alert rule',
      buckets: [0.01, 0.1, 1, 10, 60],
      registers: [registry],
    });
    const help = 'Alert rules by state, as of the last evaluation here';
    registerLabelledGauge(registry, 'throughline_alerts', help, ['state'], () => {
      return (['ok', 'pending', 'firing'] as const).map((state) => [{ state }, this.#countOf(state)] as const);
    });
    registerGauge(registry, 'throughline_alert_notifications_waiting', 'Notifications of alerts that wait', () => {
      return this.#saved?.waiting.length ?? 0;
    });
    registerGauge(
      registry,
      'throughline_alert_file_valid',
      '1 while the file of alerts can be used, as when there is none',
      () => {
        return file.problem === null ? 1 : 0;
      },
    );
  }

  /** Looks every few seconds whether a minute has to be evaluated. */
  get evaluationJob(): Job {
    const { intervalMs } = this.#options.limits;
    return { name: 'alerts', everyMs: intervalMs, needsLease: true, run: (signal) => this.evaluate(signal) };
  }

  /** Sends what waits. `wake` of the running job is to be given to `onWaiting`. */
  get notificationJob(): Job {
    return {
      name: 'alert-notifications',
      everyMs: () => this.#dueInMs(),
      needsLease: true,
      run: (signal) => this.notify(signal),
    };
  }

  /** `wake`: called when there is something to send. */
  onWaiting(wake: () => void): void {
    this.#onWaiting = wake;
  }

  /** The rules in the order of the file, with their states. Rejects where they are in a store that does not answer. */
  async status(): Promise<readonly RuleStatus[]> {
    const { file, states, term } = this.#options;
    if (file.rules.rules.length === 0) return [];
    // Another collector may evaluate them.
    const isOwn = this.#saved !== undefined && term() !== null && term() === this.#term;
    const saved = isOwn ? this.#saved! : ((await states.load()) ?? NOTHING_SAVED);
    return file.rules.rules.map((rule) => ({
      rule,
      ...(ownOf(saved.rules, rule.name) ?? NEW_RULE),
      problem: isOwn ? (this.#problems.get(rule.name) ?? null) : null,
    }));
  }

  /** One look. Rejects where the states cannot be kept; what was found out is in use all the same. */
  async evaluate(signal: AbortSignal): Promise<void> {
    const { file, limits, now } = this.#options;
    await file.look();
    const saved = await this.#restore();
    const { rules } = file.rules;
    if (rules.length === 0 && Object.keys(saved.rules).length === 0 && saved.waiting.length === 0) return;
    this.#endRemoved();
    const newestMs = Math.floor((now() - limits.delayMs) / MINUTE_MS) * MINUTE_MS;
    const windows = await this.#storedWindows(rules, newestMs);
    const untold: Untold[] = [];
    await inTurns(windows, AT_ONCE, async (window) => void untold.push(...(await this.#evaluateOne(window, signal))));
    const failures: unknown[] = [];
    const keepAndSend = (): Promise<unknown> => this.#keepAndSend().catch((error: unknown) => failures.push(error));
    if (this.#saved !== saved) await keepAndSend();
    else this.#send();
    // What may be the cause takes as long again: no verdict waits for it, and no message for that of another rule.
    await inTurns(untold, AT_ONCE, async (one) => {
      this.#tell(one, await this.#findingsFor(one, signal));
      await keepAndSend();
    });
    // People hear of it all the same.
    if (failures.length > 0) throw failures[0];
  }

  /** Sends what is due. Rejects where what became of it cannot be kept: it is sent once more then. */
  async notify(signal: AbortSignal): Promise<void> {
    const { notifier, file, term } = this.#options;
    const saved = await this.#restore();
    if (saved.waiting.length === 0) return;
    const outcomes = await notifier.deliver(saved.waiting, file.rules.channels, () => {
      return !signal.aborted && term() === this.#term;
    });
    if (outcomes.size === 0) return;
    this.#change(({ waiting }) => ({
      waiting: waiting.flatMap((one) => {
        const outcome = outcomes.get(one);
        return outcome === undefined ? [one] : outcome === null ? [] : [outcome];
      }),
    }));
    await this.#save();
  }

  #countOf(status: AlertStatus): number {
    return this.#options.file.rules.rules.filter(({ name }) => this.#ruleOf(name).state.status === status).length;
  }

  #dueInMs(): number {
    const { term, now } = this.#options;
    if (this.#saved === undefined || term() !== this.#term) return IDLE_MS;
    const due = firstOfEach(this.#saved.waiting).map(({ dueMs }) => dueMs - now());
    return Math.max(DUE_MS_MIN, Math.min(IDLE_MS, ...due));
  }

  /** What was saved by whoever had the lease before. */
  async #restore(): Promise<SavedAlerts> {
    const term = this.#options.term();
    if (this.#saved !== undefined && term === this.#term) return this.#saved;
    // Both jobs may come here: what the first of them changes must not be taken back by what the other one reads.
    this.#restoring ??= this.#load(term).finally(() => (this.#restoring = null));
    return await this.#restoring;
  }

  async #load(term: number | null): Promise<SavedAlerts> {
    const saved = (await this.#options.states.load()) ?? NOTHING_SAVED;
    this.#saved = saved;
    this.#term = term;
    this.#tried.clear();
    this.#awaited.clear();
    this.#problems.clear();
    this.#isBehind = false;
    return saved;
  }

  #isDue(rule: AlertRule, endMs: number): boolean {
    if (this.#tried.get(rule.name) === endMs) return false;
    if (missesRequests(rule) && endMs - rule.windowMs < this.#options.listeningSinceMs()) return false;
    const { evaluatedMs } = this.#ruleOf(rule.name).state;
    return evaluatedMs === null || endMs > evaluatedMs || evaluatedMs - endMs > AHEAD_MS_MAX;
  }

  /**
   * The windows to look at now, one of a rule at most. The store may be minutes behind: a window is waited for, but not
   * for ever, and those that follow it come after it.
   */
  async #storedWindows(rules: readonly AlertRule[], newestMs: number): Promise<DueWindow[]> {
    const { storedUntil, now, log } = this.#options;
    const due = rules.flatMap((rule) => this.#dueWindow(rule, newestMs) ?? []);
    if (due.length === 0) return [];
    const storedMs = (await storedUntil()) / 1_000;
    const stored: DueWindow[] = [];
    const leftOut: string[] = [];
    for (const window of due) {
      const { rule, endMs } = window;
      const isOver = now() >= this.#awaited.get(rule.name)!.untilMs;
      const isNewest = endMs + evaluationStepMs(rule) > newestMs;
      const isStored = endMs <= storedMs && (isNewest || !isOver);
      if (isStored) stored.push(window);
      else if (isOver) {
        this.#evaluations.inc({ outcome: 'behind' });
        leftOut.push(rule.name);
      }
      // A minute has passed in which nobody looked at this rule.
      if (!isStored && (isOver || !isNewest)) this.#problems.set(rule.name, NOT_STORED);
      if (isStored || isOver) this.#goOnAfter(window, newestMs);
    }
    if (leftOut.length > 0 && !this.#isBehind) {
      log.warn({ alerts: leftOut }, 'alert rules are not evaluated: the store has not taken the spans in time');
    }
    this.#isBehind = leftOut.length > 0 || (this.#isBehind && stored.length < due.length);
    return stored;
  }

  /** Null where there is nothing to look at. */
  #dueWindow(rule: AlertRule, newestMs: number): DueWindow | null {
    const { limits, now } = this.#options;
    const stepMs = evaluationStepMs(rule);
    const newest = Math.floor(newestMs / stepMs) * stepMs;
    const awaited = this.#awaited.get(rule.name);
    // The file or the clock may have changed.
    const isStill = awaited !== undefined && awaited.endMs <= newest && awaited.endMs % stepMs === 0;
    const endMs = isStill ? awaited.endMs : newest;
    if (!this.#isDue(rule, endMs)) return null;
    if (!isStill) this.#awaited.set(rule.name, { endMs, untilMs: now() + limits.waitMs });
    return { rule, endMs };
  }

  /** What is awaited next is the first window that may still be waited for; the newest to come where there is none. */
  #goOnAfter({ rule, endMs }: DueWindow, newestMs: number): void {
    const { limits, now } = this.#options;
    const { name } = rule;
    this.#tried.set(name, endMs);
    const stepMs = evaluationStepMs(rule);
    const waitedMs = limits.delayMs + limits.waitMs;
    // Nobody may have looked for hours, as while a machine sleeps: what is that old is left out.
    const nextMs = Math.max(endMs, Math.floor((now() - waitedMs) / stepMs) * stepMs) + stepMs;
    if (nextMs > newestMs) this.#awaited.delete(name);
    else this.#awaited.set(name, { endMs: nextMs, untilMs: nextMs + waitedMs });
  }

  /**
   * What people have yet to be told, if anything. Never rejects but for the signal: a rule that fails keeps its state,
   * and holds up no other.
   */
  async #evaluateOne({ rule, endMs }: DueWindow, signal: AbortSignal): Promise<Untold[]> {
    signal.throwIfAborted();
    const { evaluator, limits, log } = this.#options;
    const { name } = rule;
    const before = this.#ruleOf(name);
    const took = this.#seconds.startTimer();
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(limits.evaluationTimeoutMs)]);
      const evaluation = await evaluator.evaluate(rule, before.state, before.weight, endMs, within);
      this.#evaluations.inc({ outcome: evaluation.verdict });
      this.#problems.delete(name);
      return this.#step(rule, before, evaluation, endMs);
    } catch (error) {
      signal.throwIfAborted();
      this.#evaluations.inc({ outcome: 'failed' });
      const problem = (error as Error).message;
      if (!this.#problems.has(name))
        log.warn({ err: error, alert: name }, 'alert rule could not be evaluated; will retry');
      this.#problems.set(name, problem);
      this.#set(name, { ...before, state: skipAlert(before.state) });
      return [];
    } finally {
      took();
    }
  }

  #step(rule: AlertRule, before: SavedRule, evaluation: Evaluation, endMs: number): Untold[] {
    const timing = { ...rule, stepMs: evaluationStepMs(rule) };
    const step = stepAlert(before.state, evaluation.verdict, endMs, timing, (firedMs) => dedupKeyOf(rule, firedMs));
    const after: SavedRule = {
      ...before,
      state: step.state,
      reading: shownOf(evaluation),
      weight: evaluation.requests > 0 ? evaluation.weight : before.weight,
    };
    const due = notificationDue(before.state, step, rule, this.#options.now());
    this.#set(rule.name, step.event === 'resolved' ? { ...after, told: null } : after);
    if (due === null) return [];
    const untold = { rule, before, after, due, endMs, known: evaluation.findings };
    if (due !== 'resolved') return [untold];
    this.#tell(untold, NO_FINDINGS);
    return [];
  }

  async #findingsFor({ rule, before, after, due, endMs, known }: Untold, signal: AbortSignal): Promise<AlertFindings> {
    signal.throwIfAborted();
    const { evaluator, limits } = this.#options;
    const { incident } = after.state;
    if (incident === null || rule.notify.length === 0) return NO_FINDINGS;
    const within = AbortSignal.any([signal, AbortSignal.timeout(limits.evaluationTimeoutMs)]);
    const found = await evaluator.find(rule, incident, endMs, known, within);
    // A repeat in which nothing stands out any more has what was found at first.
    const { told } = before;
    return found.suspect === null && due === 'repeated' && told !== null
      ? { suspect: told.suspect, example: found.example ?? told.example }
      : found;
  }

  /** Puts a message for each channel behind those that wait, and notes that people are notified. */
  #tell({ rule, before, after, due, endMs }: Untold, findings: AlertFindings): void {
    const { publicUrl, now } = this.#options;
    const incident = due === 'resolved' ? before.state.incident : after.state.incident;
    const message = tellAlert(rule, {
      event: due,
      incident,
      reading: after.reading,
      endMs,
      findings,
      publicUrl: publicUrl(),
    });
    // Whoever was told that it fires is told that it is over, also where the rule names others by now.
    const channels = due === 'resolved' ? [...new Set([...(incident?.channels ?? []), ...rule.notify])] : rule.notify;
    this.#wait(message, channels);
    const state = due === 'resolved' ? after.state : notified(after.state, channels, now());
    this.#set(rule.name, { ...after, state, told: due === 'resolved' ? null : message });
  }

  /** What is sent at once is known after a restart. */
  async #keepAndSend(): Promise<void> {
    await this.#save();
    this.#send();
  }

  #send(): void {
    if ((this.#saved?.waiting.length ?? 0) > 0) this.#onWaiting();
  }

  /** A rule that was taken out of the file while it fired is over. */
  #endRemoved(): void {
    const { file, now } = this.#options;
    const names = new Set(file.rules.rules.map(({ name }) => name));
    for (const [name, { state, told }] of Object.entries(this.#saved?.rules ?? {})) {
      if (names.has(name)) continue;
      if (told !== null && state.incident !== null) {
        this.#wait(
          {
            ...told,
            id: `${told.dedupKey}-resolved-${state.incident.notifications}`,
            event: 'resolved',
            headline: `Resolved: the rule "${name}" is not in the file any more`,
            details: [],
            resolvedAt: new Date(now()).toISOString(),
            measured: null,
            suspect: null,
            example: null,
          },
          state.incident.channels,
        );
      }
      this.#change(({ rules }) => ({
        rules: Object.fromEntries(Object.entries(rules).filter(([one]) => one !== name)),
      }));
      this.#tried.delete(name);
      this.#awaited.delete(name);
      this.#problems.delete(name);
    }
  }

  #wait(message: AlertMessage, channels: readonly string[]): void {
    const { limits, notifier, limitCounter, now } = this.#options;
    const added = channels.map((channel) => ({ channel, message, attempts: 0, dueMs: now() }));
    const all = [...(this.#saved?.waiting ?? []), ...added];
    const surplus = Math.max(0, all.length - limits.notificationsMax);
    for (const one of all.slice(0, surplus)) {
      limitCounter.reached('alerts.notificationsMax');
      notifier.drop(one, 'too many notifications wait');
    }
    this.#change(() => ({ waiting: all.slice(surplus) }));
  }

  #ruleOf(name: string): SavedRule {
    return ownOf(this.#saved?.rules ?? {}, name) ?? NEW_RULE;
  }

  #set(name: string, saved: SavedRule): void {
    this.#change(({ rules }) => ({ rules: Object.fromEntries([...Object.entries(rules), [name, saved]]) }));
  }

  #change(change: (saved: SavedAlerts) => Partial<SavedAlerts>): void {
    const saved = this.#saved ?? NOTHING_SAVED;
    this.#saved = { ...saved, ...change(saved) };
  }

  /** One after the other, the newest last. */
  #save(): Promise<void> {
    const save = this.#saveAfter(this.#saving);
    this.#saving = save.catch(() => {});
    return save;
  }

  async #saveAfter(earlier: Promise<void>): Promise<void> {
    await earlier;
    const { states, term } = this.#options;
    // Whoever has the lease now writes what it knows.
    if (this.#saved !== undefined && term() === this.#term) await states.save(this.#saved);
  }
}

/** Runs some at once, in their order. Rejects with the first failure, after those that run have ended. */
async function inTurns<T>(items: readonly T[], atOnce: number, run: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Whether it fires because there are few or none. */
function missesRequests({ watch, limit, noData }: AlertRule): boolean {
  return noData === 'fire' || (watch === 'rate' && limit?.direction === 'below');
}

/** Whatever a rule is called. */
function ownOf<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function shownOf({ value, interval, requests, windowMs }: Evaluation): ShownReading {
  return {
    value,
    lower: interval?.lower ?? null,
    upper: interval === null || interval.upper === Number.POSITIVE_INFINITY ? null : interval.upper,
    requests,
    windowMs,
  };
}
