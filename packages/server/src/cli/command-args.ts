import { CONFIG_FLAG } from '../config/config.ts';
import { ALL_SETTINGS } from '../config/settings.ts';

/** The arguments of a command, by whom they are for. */
export interface CommandArgs {
  /** What is neither a flag nor the value of one. */
  readonly names: readonly string[];
  /** The command's own flags; of one with a value, the text, which is undefined where none was given. */
  readonly own: ReadonlyMap<string, string | undefined>;
  /** The flags of `throughline up`, with their values, in the order given; unknown flags are among them. */
  readonly ofConfig: readonly string[];
}

/** The command's own flags: whether each takes a value, as `--flag value` or `--flag=value`. */
export type OwnFlags = Readonly<Record<string, 'switch' | 'value'>>;

/** Null when help is requested. Of a flag that is given twice, the last one counts. */
export function splitArgs(args: readonly string[], ownFlags: OwnFlags): CommandArgs | null {
  const names: string[] = [];
  const own = new Map<string, string | undefined>();
  const ofConfig: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const [flag, inline] = splitFlag(arg);
    if (arg === '--help' || arg === '-h') return null;
    if (!arg.startsWith('-')) names.push(arg);
    else if (ownFlags[flag] === 'value') own.set(flag, inline ?? args[++index]);
    else if (ownFlags[arg] === 'switch') own.set(arg, undefined);
    else {
      // A switch with a value is among them: the configuration says that it takes none.
      ofConfig.push(arg);
      const value = args[index + 1];
      if (inline === undefined && takesValue(flag) && value !== undefined) {
        ofConfig.push(value);
        index += 1;
      }
    }
  }
  return { names, own, ofConfig };
}

function splitFlag(arg: string): [flag: string, inline?: string] {
  const at = arg.indexOf('=');
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
}

function takesValue(flag: string): boolean {
  return flag === CONFIG_FLAG || ALL_SETTINGS.some((known) => known.flag === flag && known.value !== undefined);
}
