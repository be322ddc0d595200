import { readCommandLine, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';

export interface StoreOptions {
  readonly config: Config;
  /** The one argument that is no flag; '' for a command without one. */
  readonly directory: string;
  readonly json: boolean;
  /** What was given by each flag. */
  readonly flags: ReadonlyMap<string, string>;
}

/** `check`, `backup` or `restore`. */
export interface StoreCommand {
  readonly name: string;
  /** Its own flags besides `--json`. */
  readonly flags?: Command['flags'];
  /** What its argument DIR is, where it has one. */
  readonly takes?: string;
}

/** Null when help is requested. Throws ConfigError. */
export function readStoreOptions(
  { name: command, flags: own, takes }: StoreCommand,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StoreOptions | null {
  const line = readCommandLine(args, {
    name: command,
    flags: { ...own, '--json': 'switch' },
    namesMax: takes === undefined ? 0 : 1,
  });
  if (line === null) return null;
  const { names, flags } = line;
  const config = readConfig(flags, env);
  const [directory] = names;
  if (takes !== undefined && directory === undefined) throw new ConfigError(`missing argument DIR (${takes})`);
  if (config.store !== 'embedded') {
    throw new ConfigError(
      `works on the embedded store only, and ${config.sources.get('store')} selects another; on a ClickHouse server use CHECK TABLE, BACKUP and RESTORE`,
    );
  }
  // As of a variable that is not set: it would be taken for the folder that the command runs in.
  if (directory === '') throw new ConfigError(`argument DIR (${takes}) is empty`);
  return { config, directory: directory ?? '', json: flags.has('--json'), flags };
}
