import { closest } from '../closest.ts';
import { shownText } from '../without-passwords.ts';
import { ConfigError } from './setting.ts';
import { ALL_SETTINGS } from './settings.ts';

/** Names the configuration file; no setting of its own, since a file cannot name another. */
export const CONFIG_FLAG = '--config';

/** A command of `throughline` and what it takes besides the settings. */
export interface Command {
  /** Behind `throughline`: `up`. */
  readonly name: string;
  /** Its own flags; of one with a value, what is accepted, completing "expected …". */
  readonly flags: Readonly<Record<string, 'switch' | { readonly accepted: string }>>;
  /** How many arguments that are no flags it takes; none by default. */
  readonly namesMax?: number;
  /** Whether it takes the settings of a collector as well, as commands do that start one or work on its data. */
  readonly takesSettings?: boolean;
}

export interface CommandLine {
  /** What is neither a flag nor the value of one. */
  readonly names: readonly string[];
  /** The text that was given by each flag, a setting's or the command's own; of a switch that stands alone, `true`. */
  readonly flags: ReadonlyMap<string, string>;
  /** All texts that were given by each flag, in their order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/** What may follow a flag: a setting that is a switch may be given as `--flag=false`, a command's own stands alone. */
interface FlagRule {
  readonly value: 'none' | 'optional' | 'required';
  readonly accepted: string;
}

/**
 * Reads `--flag value`, `--flag=value` and switches, in any order; of a flag that is given twice, the last one counts,
 * and all behind `--` are names. Null where `--help` or `-h` stands in the place of a flag. Throws ConfigError.
 */
export function readCommandLine(args: readonly string[], command: Command): CommandLine | null {
  const rules = rulesOf(command);
  const names: string[] = [];
  const lists = new Map<string, string[]>();
  const give = (name: string, value: string): void => void lists.set(name, [...(lists.get(name) ?? []), value]);
  // Help is for whoever does not know the flags yet: it comes before what is wrong with the others.
  let wrong: ConfigError | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '--') {
      names.push(...args.slice(index + 1));
      break;
    }
    if (!isFlag(arg)) {
      names.push(arg);
      continue;
    }
    const [name, inline] = splitFlag(arg);
    const rule = rules.get(name);
    if (rule === undefined) wrong ??= unknownFlag(name, [...rules.keys()], command);
    else if (rule.value === 'required') {
      // What stands in a value's place is nothing else: `--data-dir --help` asks for no help.
      const value = inline ?? args[++index];
      if (value === undefined || (inline === undefined && isNextFlag(value, rules))) {
        wrong ??= missingValue(name, rule, value);
      } else give(name, value);
    } else if (rule.value === 'none' && inline !== undefined) wrong ??= new ConfigError(`${name} takes no value`);
    else if (HELP.includes(name)) return null;
    else give(name, inline ?? 'true');
  }
  if (wrong !== undefined) throw wrong;
  const surplus = names[command.namesMax ?? 0];
  if (surplus !== undefined) throw unexpectedArgument(surplus);
  const flags = new Map([...lists].map(([name, values]): [string, string] => [name, values.at(-1) ?? '']));
  return { names, flags, lists };
}

export function unexpectedArgument(name: string): ConfigError {
  return new ConfigError(`unexpected argument ${JSON.stringify(shownText(name))}`);
}

const HELP: readonly string[] = ['--help', '-h'];

function rulesOf({ flags, takesSettings = true }: Command): ReadonlyMap<string, FlagRule> {
  const own = Object.entries(flags).map(([name, flag]): [string, FlagRule] => [
    name,
    flag === 'switch' ? { value: 'none', accepted: '' } : { value: 'required', accepted: flag.accepted },
  ]);
  const settings = ALL_SETTINGS.map(({ flag, value, accepted }): [string, FlagRule] => [
    flag,
    { value: value === undefined ? 'optional' : 'required', accepted },
  ]);
  const help = HELP.map((name): [string, FlagRule] => [name, { value: 'none', accepted: '' }]);
  if (!takesSettings) return new Map([...own, ...help]);
  return new Map<string, FlagRule>([
    ...own,
    ...help,
    ...settings,
    [CONFIG_FLAG, { value: 'required', accepted: 'the path of a YAML file' }],
  ]);
}

/** A dash alone is a name, as for most commands. */
function isFlag(arg: string): boolean {
  return arg.startsWith('-') && arg !== '-';
}

/** A value may begin with a dash, as -1 does; with two it is more likely the next flag, and the value is missing. */
function isNextFlag(arg: string, rules: ReadonlyMap<string, FlagRule>): boolean {
  return arg.startsWith('--') || rules.has(arg);
}

function splitFlag(arg: string): [name: string, inline?: string] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
}

function missingValue(name: string, { accepted }: FlagRule, next: string | undefined): ConfigError {
  const way = next === undefined ? '' : `; a value that begins with a dash is written ${name}=VALUE`;
  return new ConfigError(`${name}: missing value, expected ${accepted}${way}`);
}

function unknownFlag(name: string, known: readonly string[], command: Command): ConfigError {
  // To one letter every other is near.
  const meant = closest(
    name,
    known.filter((candidate) => candidate.startsWith('--')),
  );
  const hint = meant === null ? `throughline ${command.name} --help lists all` : `did you mean ${meant}?`;
  return new ConfigError(`unknown flag ${shownText(name)}; ${hint}`);
}
