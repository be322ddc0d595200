import { closest } from '../closest.ts';
import { readCommandLine, unexpectedArgument, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';

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

export const SPOOL_USAGE = `Usage: throughline spool <action> [flags]

  list                    List the segments that are not stored yet and the quarantined ones (rejected by the store, or damaged), with the reason
  retry NAME… | --all     Load quarantined segments again; of a damaged one, its intact blocks. Nothing is stored twice
  export NAME             Write the intact blocks of a segment to standard output: spans in ClickHouse's Native format, request metrics as JSON lines

  --json                  list: one line of JSON per segment
  --all                   retry: all quarantined segments
  --output FILE           export: write to a new file instead

Also accepts the flags of throughline up; --data-dir selects the spool. A collector may be running on it.`;

const SPOOL: Command = {
  name: 'spool',
  flags: { '--json': 'switch', '--all': 'switch', '--output': { accepted: 'the path of a file' } },
  // How many depends on the action.
  namesMax: Infinity,
};

/** With the action, where it comes first: `spool list`. */
export function spoolCommandName([action = '']: readonly string[]): string {
  return isAction(action) ? `${SPOOL.name} ${action}` : SPOOL.name;
}

/** Null when help is requested. Throws ConfigError. */
export function readSpoolOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SpoolOptions | null {
  const line = readCommandLine(args, SPOOL);
  if (line === null) return null;
  const { flags } = line;
  const [action = '', ...names] = line.names;
  if (!isAction(action)) throw unknownAction(action);
  const config = readConfig(flags, env);
  checkNames(action, names, flags.has('--all'));
  const output = flags.get('--output') ?? null;
  if (output === '') throw new ConfigError('--output: got "", expected the path of a file');
  return { action, names, config, json: flags.has('--json'), all: flags.has('--all'), output };
}

function isAction(action: string): action is SpoolOptions['action'] {
  return (ACTIONS as readonly string[]).includes(action);
}

function unknownAction(action: string): ConfigError {
  const meant = closest(action, ACTIONS);
  const hint = meant === null ? `supported: ${ACTIONS.join(', ')}` : `did you mean ${meant}?`;
  const what = action === '' ? 'missing action' : `unknown action ${JSON.stringify(shownText(action))}`;
  return new ConfigError(`${what}; ${hint}`);
}

function checkNames(action: SpoolOptions['action'], names: readonly string[], all: boolean): void {
  const surplus = action === 'list' ? names[0] : action === 'export' ? names[1] : undefined;
  if (surplus !== undefined) throw unexpectedArgument(surplus);
  if (action === 'retry' && names.length > 0 === all) {
    throw new ConfigError('expected either the names of segments, or --all');
  }
  if (action === 'export' && names.length === 0) {
    throw new ConfigError('missing argument NAME (the name of one segment)');
  }
}
