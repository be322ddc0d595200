import { closest } from '../closest.ts';
import { CONFIG_FLAG, readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { ALL_SETTINGS } from '../config/settings.ts';
import { shownText } from '../without-passwords.ts';

export interface SpoolOptions {
  readonly action: (typeof ACTIONS)[number];
  /** Of segments. */
  readonly names: readonly string[];
  /** Where the spool is. */
  readonly config: Config;
  /** `list`: a line of JSON a segment instead of a table. */
  readonly json: boolean;
  /** `retry`: every rejected segment. */
  readonly all: boolean;
  /** `export`: the file to write; null for standard output. */
  readonly output: string | null;
}

const ACTIONS = ['list', 'retry', 'export'] as const;

const OWN_FLAGS = ['--json', '--all', '--output', '--help'];

export const SPOOL_USAGE = `Usage: throughline spool <action> [flags]

  list                    Show the segments that wait for the store, and those that were rejected or found damaged, with the reason
  retry NAME… | --all     Load rejected segments again; of a damaged one, its good blocks. Nothing is stored twice
  export NAME             Write a segment's good blocks to standard output: spans in ClickHouse's Native format, exact counts as lines of JSON

  --json                  list: one line of JSON a segment
  --all                   retry: every rejected segment
  --output FILE           export: write to a new file instead

and the flags of throughline up, of which --data-dir says where the spool is. A collector may be running on it.`;

/** Null when help is asked for. Throws ConfigError. */
export function readSpoolOptions(
  [action = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SpoolOptions | null {
  if ([action, ...args].some((arg) => arg === '--help' || arg === '-h')) return null;
  if (!isAction(action)) throw unknownAction(action);
  const names: string[] = [];
  const ofConfig: string[] = [];
  const own = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const [flag, inline] = splitFlag(arg);
    if (!arg.startsWith('-')) names.push(arg);
    else if (flag === '--json' || flag === '--all') own.set(flag, '');
    else if (flag === '--output') own.set(flag, inline ?? args[++i] ?? '');
    else {
      ofConfig.push(arg);
      const value = args[i + 1];
      if (inline === undefined && takesValue(flag) && value !== undefined) {
        ofConfig.push(value);
        i += 1;
      }
    }
  }
  // A mistyped flag is said first: what stands behind it may look like a name.
  const config = readConfig(ofConfig, env, { name: 'spool', flags: OWN_FLAGS });
  checkNames(action, names, own.has('--all'));
  if (own.get('--output') === '')
    throw new ConfigError('--output was given without a value; accepted is the path of a file');
  return {
    action,
    names,
    config,
    json: own.has('--json'),
    all: own.has('--all'),
    output: own.get('--output') ?? null,
  };
}

function isAction(action: string): action is SpoolOptions['action'] {
  return (ACTIONS as readonly string[]).includes(action);
}

function unknownAction(action: string): ConfigError {
  const meant = closest(action, ACTIONS);
  const hint = meant === null ? `accepted are ${ACTIONS.join(', ')}` : `did you mean ${meant}?`;
  const given = action === '' ? 'no action was given' : `${JSON.stringify(shownText(action))} is not an action`;
  return new ConfigError(`${given} to throughline spool; ${hint}`);
}

function splitFlag(arg: string): [flag: string, inline?: string] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
}

function takesValue(flag: string): boolean {
  return flag === CONFIG_FLAG || ALL_SETTINGS.some((known) => known.flag === flag && known.value !== undefined);
}

function checkNames(action: SpoolOptions['action'], names: readonly string[], all: boolean): void {
  if (action === 'list' && names.length > 0) {
    throw new ConfigError(
      `throughline spool list was given ${JSON.stringify(shownText(names[0] ?? ''))}; accepted are only flags`,
    );
  }
  if (action === 'retry' && names.length > 0 === all) {
    throw new ConfigError('throughline spool retry accepts either the names of segments, or --all');
  }
  if (action === 'export' && names.length !== 1) {
    throw new ConfigError(
      `throughline spool export was given ${names.length} names; accepted is the name of one segment`,
    );
  }
}
