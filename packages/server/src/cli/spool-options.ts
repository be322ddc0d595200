import { closest } from '../closest.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';
import { splitArgs } from './command-args.ts';

export interface SpoolOptions {
  readonly action: (typeof ACTIONS)[number];
  /** Of segments. */
  readonly names: readonly string[];
  /** Where the spool is. */
  readonly config: Config;
  /** `list`: a line of JSON a segment instead of a table. */
  readonly json: boolean;
  /** `retry`: every quarantined segment. */
  readonly all: boolean;
  /** `export`: the file to write; null for standard output. */
  readonly output: string | null;
}

const ACTIONS = ['list', 'retry', 'export'] as const;

const OWN_FLAGS = { '--json': 'switch', '--all': 'switch', '--output': 'value' } as const;

export const SPOOL_USAGE = `Usage: throughline spool <action> [flags]

  list                    List the segments that are not stored yet and the quarantined ones (rejected by the store, or damaged), with the reason
  retry NAME… | --all     Load quarantined segments again; of a damaged one, its intact blocks. Nothing is stored twice
  export NAME             Write the intact blocks of a segment to standard output: spans in ClickHouse's Native format, exact counts as JSON lines

  --json                  list: one line of JSON per segment
  --all                   retry: all quarantined segments
  --output FILE           export: write to a new file instead

Also accepts the flags of throughline up; --data-dir selects the spool. A collector may be running on it.`;

/** Null when help is requested. Throws ConfigError. */
export function readSpoolOptions(
  [action = '', ...args]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SpoolOptions | null {
  const split = splitArgs([action, ...args], OWN_FLAGS);
  if (split === null) return null;
  if (!isAction(action)) throw unknownAction(action);
  const { own, ofConfig } = split;
  const names = split.names.slice(1);
  // A mistyped flag is said first: what follows it may look like a name.
  const config = readConfig(ofConfig, env, { name: 'spool', flags: [...Object.keys(OWN_FLAGS), '--help'] });
  checkNames(action, names, own.has('--all'));
  if (own.has('--output') && (own.get('--output') ?? '') === '')
    throw new ConfigError('--output: missing value, expected the path of a file');
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
  const hint = meant === null ? `known are ${ACTIONS.join(', ')}` : `did you mean ${meant}?`;
  const what = action === '' ? 'missing action' : `unknown action ${JSON.stringify(shownText(action))}`;
  return new ConfigError(`${what}; ${hint}`);
}

function checkNames(action: SpoolOptions['action'], names: readonly string[], all: boolean): void {
  const surplus = action === 'list' ? names[0] : action === 'export' ? names[1] : undefined;
  if (surplus !== undefined) {
    throw new ConfigError(`throughline spool ${action}: unexpected argument ${JSON.stringify(shownText(surplus))}`);
  }
  if (action === 'retry' && names.length > 0 === all) {
    throw new ConfigError('throughline spool retry expects either the names of segments, or --all');
  }
  if (action === 'export' && names.length === 0) {
    throw new ConfigError('throughline spool export: missing argument NAME (the name of one segment)');
  }
}
