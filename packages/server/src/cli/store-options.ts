import { readConfig, type Command, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { shownText } from '../without-passwords.ts';
import { splitArgs } from './command-args.ts';

export interface StoreOptions {
  readonly config: Config;
  /** The one argument that is no flag; '' for a command without one. */
  readonly directory: string;
  readonly json: boolean;
}

/**
 * Of `check`, `backup` and `restore`, which have taken their own flags: `takes` says what the argument is, where there
 * is one. Null when help is requested. Throws ConfigError.
 */
export function readStoreOptions(
  { name: command, flags }: Command,
  takes: string | null,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): StoreOptions | null {
  const split = splitArgs(args, { '--json': 'switch' });
  if (split === null) return null;
  const { names, own, ofConfig } = split;
  const config = readConfig(ofConfig, env, { name: command, flags: [...flags, '--json', '--help'] });
  const surplus = names[takes === null ? 0 : 1];
  if (surplus !== undefined) {
    throw new ConfigError(`throughline ${command}: unexpected argument ${JSON.stringify(shownText(surplus))}`);
  }
  if (takes !== null && names.length === 0) {
    throw new ConfigError(`throughline ${command}: missing argument DIR (${takes})`);
  }
  if (config.store !== 'embedded') {
    throw new ConfigError(
      `throughline ${command} works on the embedded store only, and ${config.sources.get('store')} selects another; on a ClickHouse server use CHECK TABLE, BACKUP and RESTORE`,
    );
  }
  // As of a variable that is not set: it would be taken for the folder that the command runs in.
  if (names[0] === '') throw new ConfigError(`throughline ${command}: argument DIR (${takes}) is empty`);
  return { config, directory: names[0] ?? '', json: own.has('--json') };
}
