import { closest } from '../closest.ts';
import { readCommandLine, unexpectedArgument, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';
import { TERMINAL_USAGE } from './terminal-options.ts';

const ACTIONS = ['check', 'test', 'list'] as const;
export type AlertsAction = (typeof ACTIONS)[number];

export const ALERTS_USAGE = `Usage: throughline alerts <action> [flags]

  check [FILE]         Say whether the file can be used, and all that is wrong with it
  test [FILE]          Send a message, marked as a test, to every channel that a rule notifies, and report each result
  list                 Print the rules of a running collector with their states and what was measured last

  --rule NAME          test: only the channels of this rule
  --json               One line of JSON
  FILE                 Default: --alerts-file or THROUGHLINE_ALERTS_FILE, as the collector has it

check and test also accept the flags of throughline up. They need no collector, and exit with 1 if a message was not delivered, with
2 if the file is wrong. list accepts these:

${TERMINAL_USAGE}`;

const OF_FILE: Omit<Command, 'flags'> = { name: 'alerts', namesMax: 1 };
const FLAGS: Readonly<Record<'check' | 'test', Command['flags']>> = {
  check: { '--json': 'switch' },
  test: { '--json': 'switch', '--rule': { accepted: 'the name of a rule' } },
};

export interface AlertFileOptions {
  readonly config: Config;
  /** As it was given. */
  readonly path: string;
  /** Null for all. */
  readonly rule: string | null;
  readonly json: boolean;
}

/** Null for a request for help. Throws ConfigError. */
export function readAlertsAction([action = '']: readonly string[]): AlertsAction | null {
  if (action === '--help' || action === '-h') return null;
  const found = ACTIONS.find((one) => one === action);
  if (found !== undefined) return found;
  const meant = closest(action, ACTIONS);
  const hint = meant === null ? `supported: ${ACTIONS.join(', ')}` : `did you mean ${meant}?`;
  const isMissing = action === '' || action.startsWith('-');
  const what = isMissing ? 'missing action' : `unknown action ${JSON.stringify(shownText(action))}`;
  throw new ConfigError(`${what}; ${hint}`);
}

/** Of `check` and `test`; null when help is requested. Throws ConfigError. */
export function readAlertFileOptions(
  action: 'check' | 'test',
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AlertFileOptions | null {
  const line = readCommandLine(args, { ...OF_FILE, flags: FLAGS[action] });
  if (line === null) return null;
  const [given, surplus] = line.names;
  if (surplus !== undefined) throw unexpectedArgument(surplus);
  const config = readConfig(line.flags, env);
  const path = given ?? config.alertsFile;
  if (path === '') throw new ConfigError('missing argument FILE, or --alerts-file');
  return { config, path, rule: line.flags.get('--rule') ?? null, json: line.flags.has('--json') };
}
