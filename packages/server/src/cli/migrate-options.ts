import { join, resolve } from 'node:path';
import { readCommandLine, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';

export interface MigrateOptions {
  readonly config: Config;
  /** Absolute. */
  readonly workDirectory: string;
  /** Spans that are inserted a second, at most; `Infinity` where nothing bounds them. */
  readonly spansPerSecond: number;
  /** Spans that are inserted together, at most. */
  readonly pieceSpansMax: number;
  readonly isDryRun: boolean;
  readonly json: boolean;
}

const PIECE_SPANS = 50_000;

export const MIGRATE_USAGE = `Usage: throughline migrate --store URL[,URL] [flags]

Copies all spans from an embedded store, and from its spool, to ClickHouse servers. The collector of the embedded store may run, and so may the
collectors of a cluster. Run it again for what has arrived meanwhile: it copies nothing twice, however it ended, and counts at the end by
the spans' IDs, day by day, whether everything is there. Exit code 0 if it is, 1 otherwise.

  --work-dir DIR          Where it notes what has been copied; keep it until the last run. Default: migration/ in the data directory
  --spans-per-second N    Copy no more than this on average; no limit by default
  --piece-spans N         Copy so many spans with one insert, from 1 to 1000000; default ${PIECE_SPANS}
  --dry-run               Count what would be copied; copies nothing
  --json                  One line of JSON

Also accepts the flags of throughline up: --data-dir selects the embedded store; --store, --store-cluster and --store-password-file select the
servers; --retention-max-age is the retention of the collectors there: older days are not copied.`;

const WORK = '--work-dir';
const RATE = '--spans-per-second';
const PIECE = '--piece-spans';
const NUMBER = 'a whole number from 1 to';
const RATE_MAX = 1_000_000_000;
const PIECE_MAX = 1_000_000;

export const MIGRATE: Command = {
  name: 'migrate',
  flags: {
    [WORK]: { accepted: 'the path of a directory' },
    [RATE]: { accepted: `${NUMBER} ${RATE_MAX}` },
    [PIECE]: { accepted: `${NUMBER} ${PIECE_MAX}` },
    '--dry-run': 'switch',
    '--json': 'switch',
  },
};

/** Null when help is requested. Throws ConfigError. */
export function readMigrateOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): MigrateOptions | null {
  const line = readCommandLine(args, MIGRATE);
  if (line === null) return null;
  const { flags } = line;
  const config = readConfig(flags, env);
  if (config.store === 'embedded') {
    throw new ConfigError(
      'expected --store with the URLs of the ClickHouse servers to copy to; --data-dir selects the embedded store to copy from',
    );
  }
  const work = flags.get(WORK);
  if (work === '') throw new ConfigError(`${WORK}: the path is empty`);
  return {
    config,
    workDirectory: work === undefined ? join(config.dataDirectory, 'migration') : resolve(work),
    spansPerSecond: numberOf(flags, RATE, RATE_MAX) ?? Infinity,
    pieceSpansMax: numberOf(flags, PIECE, PIECE_MAX) ?? PIECE_SPANS,
    isDryRun: flags.has('--dry-run'),
    json: flags.has('--json'),
  };
}

function numberOf(flags: ReadonlyMap<string, string>, flag: string, max: number): number | null {
  const text = flags.get(flag);
  if (text === undefined) return null;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  throw new ConfigError(`${flag}: got ${JSON.stringify(shownText(text))}, expected ${NUMBER} ${max}`);
}
