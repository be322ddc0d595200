import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ALERT_LIMITS } from './limits.ts';
import { Notifier } from './notifier.ts';
import { parseAlertRules } from './rules/read-rules.ts';
import type { WaitingMessage } from './saved-alerts.ts';
import { tellAlert } from './tell-alert.ts';
import { startMailServer } from './testing/receivers.ts';

it('brings a mail to each recipient once, however many attempts that takes', async () => {
  let greylisted = 2;
  const server = await startMailServer({
    disabledCommands: ['STARTTLS'],
    onRcptTo: ({ address }, _session, callback) => {
      const isLater = address === 'b@example.com' && greylisted-- > 0;
      callback(isLater ? Object.assign(new Error('later'), { responseCode: 451 }) : null);
    },
  });
  try {
    const { rules, channels } = parseAlertRules(
      `channels:
  mail: {type: email, host: 127.0.0.1, port: ${server.port}, tls: none, from: t@example.com, to: [a@example.com, b@example.com]}
rules:
  - {name: fails, watch: errors, of: {service: shop}, above: 2%, notify: mail}
`,
      'alerts.yaml',
      9,
    );
    const message = tellAlert(rules.at(0)!, {
      event: 'test',
      incident: null,
      reading: null,
      endMs: 0,
      findings: { suspect: null, example: null },
      publicUrl: 'http://127.0.0.1:4319',
    });
    let nowMs = 0;
    const notifier = new Notifier({
      env: {},
      limits: ALERT_LIMITS,
      log: { warn: () => {}, info: () => {} },
      registry: new Registry(),
      now: () => nowMs,
    });
    let waiting: readonly WaitingMessage[] = [{ channel: 'mail', message, attempts: 0, dueMs: 0 }];
    const attempts: number[] = [];
    while (waiting.length > 0 && attempts.length < 9) {
      const outcomes = await notifier.deliver(waiting, channels, () => true);
      attempts.push(outcomes.size);
      // As they are kept over a restart.
      waiting = JSON.parse(JSON.stringify([...outcomes.values()].filter((one) => one !== null))) as WaitingMessage[];
      nowMs += 3_600_000;
    }
    expect(attempts).toEqual([1, 1, 1]);
    expect(server.received.map(({ to }) => to)).toEqual([['a@example.com'], ['b@example.com']]);
  } finally {
    await server.close();
  }
});
