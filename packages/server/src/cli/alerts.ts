import { readAlertFile } from '../alerts/rule-file.ts';
import { senderOf } from '../alerts/channels/sender.ts';
import type { Delivery } from '../alerts/channels/channel.ts';
import { AlertRulesError } from '../alerts/rules/read-rules.ts';
import { missingSecrets } from '../alerts/rules/resolve-secret.ts';
import type { AlertRule, AlertRules } from '../alerts/rules/rule.ts';
import { NO_FINDINGS, tellAlert } from '../alerts/tell-alert.ts';
import type { Command } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { countOf } from '../count-of.ts';
import { safeJson, safeText } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { writeAlerts } from '../terminal/write-alerts.ts';
import { shownText } from '../without-passwords.ts';
import { ALERTS_USAGE, readAlertFileOptions, readAlertsAction, type AlertFileOptions } from './alerts-options.ts';
import { CollectorApi } from './collector-api.ts';
import { reportFailure, USAGE_ERROR } from './report-failure.ts';
import { readTerminalLine, surroundings } from './terminal-options.ts';

const NAME = 'alerts';
const LIST: Command = { name: `${NAME} list`, flags: {} };

/** `throughline alerts`. Returns the exit code. */
export async function runAlerts(args: readonly string[]): Promise<number> {
  let command = NAME;
  try {
    const action = readAlertsAction(args);
    if (action === null) return help();
    command = `${NAME} ${action}`;
    const rest = args.slice(1);
    if (action === 'list') return await list(rest);
    const options = readAlertFileOptions(action, rest, process.env);
    if (options === null) return help();
    const rules = readAlertFile(options.path, options.config.limits.alerts.rulesMax);
    return await (action === 'check' ? check(options, rules) : test(options, rules));
  } catch (error) {
    if (!(error instanceof AlertRulesError)) return reportFailure(command, error);
    for (const problem of error.problems) process.stderr.write(`throughline ${command}: ${safeText(problem)}\n`);
    return USAGE_ERROR;
  }
}

function help(): number {
  process.stdout.write(`${ALERTS_USAGE}\n`);
  return 0;
}

/** What may be meant as it is, and is worth a look. */
async function warningsOf({ rules, channels }: AlertRules): Promise<string[]> {
  const named = new Set(rules.flatMap(({ notify }) => notify));
  return [
    ...rules
      .filter(({ notify }) => notify.length === 0)
      .map(({ name }) => `rule ${JSON.stringify(name)} notifies nobody`),
    ...channels.filter(({ name }) => !named.has(name)).map(({ name }) => `no rule notifies the channel ${name}`),
    ...(await missingSecrets(channels, process.env)),
  ];
}

async function check({ path, json }: AlertFileOptions, rules: AlertRules): Promise<number> {
  const warnings = await warningsOf(rules);
  const counts = { rules: rules.rules.length, channels: rules.channels.length };
  if (json) process.stdout.write(`${safeJson({ file: path, ...counts, warnings })}\n`);
  else {
    const lines = [
      `${path} can be used: ${countOf(counts.rules, 'rule')}, ${countOf(counts.channels, 'channel')}`,
      ...warnings.map((warning) => `Warning: ${warning}`),
    ];
    for (const line of lines) process.stdout.write(`${safeText(line)}\n`);
  }
  return 0;
}

interface Result {
  readonly rule: string;
  readonly channel: string;
  readonly type: string;
  readonly delivered: boolean;
  readonly reason: string | null;
}

async function test({ config, rule, json }: AlertFileOptions, { rules, channels }: AlertRules): Promise<number> {
  const meant = rule === null ? rules : rules.filter(({ name }) => name === rule);
  if (rule !== null && meant.length === 0) {
    throw new ConfigError(
      `--rule: got ${JSON.stringify(shownText(rule))}, expected one of ${rules.map(({ name }) => name).join(', ')}`,
    );
  }
  const { limits, publicUrl } = config;
  // One for each channel is enough to know whether it would be heard.
  const sent = new Map<string, AlertRule>();
  for (const one of meant) for (const name of one.notify) if (!sent.has(name)) sent.set(name, one);
  const results = await Promise.all(
    [...sent].map(async ([name, one]): Promise<Result> => {
      const channel = channels.find((candidate) => candidate.name === name)!;
      const message = tellAlert(one, {
        event: 'test',
        incident: null,
        reading: null,
        endMs: Date.now(),
        findings: NO_FINDINGS,
        publicUrl: publicUrl === '' ? 'http://127.0.0.1:4319' : publicUrl,
      });
      const send = senderOf(channel, process.env, Date.now);
      const delivery: Delivery = await send(message, limits.alerts.sendTimeoutMs);
      const reason = delivery.kind === 'delivered' ? null : delivery.reason;
      return { rule: one.name, channel: name, type: channel.type, delivered: reason === null, reason };
    }),
  );
  if (json) process.stdout.write(`${safeJson(results)}\n`);
  else if (results.length === 0) process.stdout.write('No channel is notified by these rules: nothing was sent\n');
  else {
    for (const { channel, type, reason } of results) {
      const line = `${channel} (${type}): ${reason === null ? 'delivered' : `not delivered: ${reason}`}`;
      process.stdout.write(`${safeText(line)}\n`);
    }
  }
  return results.every(({ delivered }) => delivered) ? 0 : 1;
}

async function list(args: readonly string[]): Promise<number> {
  const line = readTerminalLine(args, LIST, surroundings());
  if (line === null) return help();
  const { options } = line;
  const response = await new CollectorApi(options).ask((client, request) => client.alerts(request));
  if (options.format === 'json') process.stdout.write(`${safeJson(response)}\n`);
  else process.stdout.write(render(writeAlerts(response, Date.now(), options.screen), options.screen));
  return 0;
}
