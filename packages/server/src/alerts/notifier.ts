import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { senderOf } from './channels/sender.ts';
import type { Delivery } from './channels/channel.ts';
import type { AlertLimits } from './limits.ts';
import type { Environment } from './rules/resolve-secret.ts';
import type { Channel } from './rules/rule.ts';
import { firstOfEach, type WaitingMessage } from './saved-alerts.ts';

export interface NotifierOptions {
  readonly env: Environment;
  readonly limits: Pick<AlertLimits, 'attemptsMax' | 'retryDelayMs' | 'retryDelayMsMax' | 'sendTimeoutMs'>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** What became of a message that waited: null where it waits no more. */
export type Outcomes = ReadonlyMap<WaitingMessage, WaitingMessage | null>;

/** Of a delay, either way: collectors that came back together must not come together again. */
const JITTER = 0.2;

/**
 * Hands messages over to their channels: those of a channel one after the other, and channels side by side, so that one
 * that hangs holds up no other. A message is tried again after a delay that doubles, or that the receiver asks for, and
 * is dropped after so many attempts. Messages of one incident keep their order.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #random: () => number;
  readonly #notifications: Counter<'channel' | 'outcome'>;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#notifications = new Counter({
      name: 'throughline_alert_notifications_total',
      help: 'Notifications of alerts by channel and outcome: delivered, retried, failed (the receiver rejected it), dropped',
      labelNames: ['channel', 'outcome'],
      registers: [options.registry],
    });
  }

  /** Counts a message that is given up before it was tried, because there are too many. */
  drop({ channel, message }: WaitingMessage, reason: string): void {
    this.#notifications.inc({ channel, outcome: 'dropped' });
    this.#options.log.warn({ channel, alert: message.rule.name, reason }, 'alert notification dropped');
  }

  /** Tries what is due. Never rejects. `mayGoOn` is asked before each attempt. */
  async deliver(
    waiting: readonly WaitingMessage[],
    channels: readonly Channel[],
    mayGoOn: () => boolean,
  ): Promise<Outcomes> {
    const outcomes = new Map<WaitingMessage, WaitingMessage | null>();
    const names = [...new Set(waiting.map(({ channel }) => channel))];
    await Promise.all(
      names.map(async (name) => {
        const own = waiting.filter(({ channel }) => channel === name);
        const channel = channels.find((one) => one.name === name);
        if (channel === undefined) {
          for (const one of own) {
            this.drop(one, 'the channel is not in the file any more');
            outcomes.set(one, null);
          }
        } else await this.#deliverTo(channel, own, mayGoOn, outcomes);
      }),
    );
    return outcomes;
  }

  async #deliverTo(
    channel: Channel,
    waiting: readonly WaitingMessage[],
    mayGoOn: () => boolean,
    outcomes: Map<WaitingMessage, WaitingMessage | null>,
  ): Promise<void> {
    const { env, now, limits } = this.#options;
    const send = senderOf(channel, env, now);
    // Those that have waited for longest come first: one that always fails holds up its own incident alone.
    const inTurn = firstOfEach(waiting)
      .filter(({ dueMs }) => dueMs <= now())
      .toSorted((a, b) => a.dueMs - b.dueMs);
    for (const one of inTurn) {
      if (!mayGoOn()) return;
      const delivery = await send(one.message, limits.sendTimeoutMs, one.left);
      const next = this.#after(one, delivery);
      outcomes.set(one, next);
      // Who does not answer now is not asked again and again.
      if (next !== null) return;
    }
  }

  #after(one: WaitingMessage, delivery: Delivery): WaitingMessage | null {
    const { limits, log, now } = this.#options;
    const { channel, message } = one;
    const attempts = one.attempts + 1;
    const isLast = delivery.kind === 'retry' && attempts >= limits.attemptsMax;
    const outcome = delivery.kind === 'retry' ? (isLast ? 'dropped' : 'retried') : delivery.kind;
    this.#notifications.inc({ channel, outcome });
    const about = { channel, alert: message.rule.name, event: message.event, attempts };
    if (delivery.kind === 'delivered') {
      log.info(about, 'alert notification delivered');
      return null;
    }
    const { reason } = delivery;
    if (delivery.kind === 'failed' || isLast) {
      log.warn({ ...about, reason }, 'alert notification given up');
      return null;
    }
    // The first failure says it all.
    if (attempts === 1) log.warn({ ...about, reason }, 'alert notification failed; will retry');
    const delayMs = Math.min(limits.retryDelayMsMax, limits.retryDelayMs * 2 ** (attempts - 1));
    const waitMs = Math.max(delayMs, Math.min(delivery.afterMs ?? 0, limits.retryDelayMsMax));
    const dueMs = now() + waitMs * (1 + JITTER * this.#random());
    return { ...one, attempts, dueMs, ...(delivery.left !== undefined && { left: delivery.left }) };
  }
}
