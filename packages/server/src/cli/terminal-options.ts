import { type Command, type CommandLine, readCommandLine } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import type { Screen } from '../terminal/screen.ts';
import { shownText } from '../without-passwords.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';

/** What all commands have in common that show something of a collector. */
export interface TerminalOptions {
  /** Of the collector, without a slash at its end; a proxy before it may want user and password. */
  readonly url: string;
  readonly screen: Screen;
  /** Of all requests together. */
  readonly timeoutMs: number;
  readonly format: 'text' | 'json' | 'markdown';
}

/** What the command is told by the shell: the environment, and where its output goes. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
  /** Of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
}

export function surroundings(): Surroundings {
  const { isTTY, columns } = process.stdout;
  return { env: process.env, isTerminal: isTTY, columns: isTTY ? columns : undefined };
}

const URL_ACCEPTED = 'the URL of a collector, such as http://127.0.0.1:4319 or https://tools.example/tracing';
const DEFAULT_URL = 'http://127.0.0.1:4319';
const WIDTH_DEFAULT = 80;
const WIDTH = integerFrom(40, 1_000);
const TIMEOUT = integerFrom(1, 3_600);
const TIMEOUT_SECONDS = 60;

/** Flags that these commands have besides their own. */
export const TERMINAL_FLAGS: Command['flags'] = {
  '--url': { accepted: URL_ACCEPTED },
  '--width': WIDTH,
  '--timeout': TIMEOUT,
  '--json': 'switch',
};

export const TERMINAL_USAGE = `  --url URL            The collector (default: THROUGHLINE_URL, or ${DEFAULT_URL})
  --width N            Columns, ${WIDTH.min} to ${WIDTH.max} (default: those of the terminal, or ${WIDTH_DEFAULT} without one)
  --timeout SECONDS    Time for all requests together, 1 to ${TIMEOUT.max} (default: ${TIMEOUT_SECONDS})

Colours are used on a terminal. NO_COLOR=1 turns them off, FORCE_COLOR=1 turns them on.
Exit code: 0, 1 if the collector cannot be reached or has no such data, 2 if the command is called wrongly.`;

/** A command line with what all of these commands have in common; null when help is requested. Throws ConfigError. */
export function readTerminalLine(
  args: readonly string[],
  command: Omit<Command, 'takesSettings'>,
  { env, isTerminal, columns }: Surroundings,
): (CommandLine & { readonly options: TerminalOptions }) | null {
  const flags = { ...TERMINAL_FLAGS, ...command.flags };
  const line = readCommandLine(args, { ...command, flags, takesSettings: false });
  if (line === null) return null;
  if (line.flags.has('--json') && line.flags.has('--md')) throw new ConfigError('expected --json or --md, not both');
  const width = integerFlag(line.flags, '--width', WIDTH) ?? clampedWidth(columns);
  return {
    ...line,
    options: {
      url: readUrl(line.flags.get('--url'), env),
      screen: { width, isColored: usesColor(env, isTerminal) },
      timeoutMs: (integerFlag(line.flags, '--timeout', TIMEOUT) ?? TIMEOUT_SECONDS) * 1_000,
      format: line.flags.has('--json') ? 'json' : line.flags.has('--md') ? 'markdown' : 'text',
    },
  };
}

/** A window may be narrower than anything can be written in: its lines are broken by the terminal then. */
function clampedWidth(columns: number | undefined): number {
  // Some terminals do not know theirs.
  return columns === undefined || columns === 0 ? WIDTH_DEFAULT : Math.min(WIDTH.max, Math.max(WIDTH.min, columns));
}

function readUrl(flag: string | undefined, env: Surroundings['env']): string {
  const fromEnv = env['THROUGHLINE_URL'] || undefined;
  const text = flag ?? fromEnv ?? DEFAULT_URL;
  const isUrl = URL.canParse(text) && /^https?:\/\//i.test(text) && !/[?#]/.test(text);
  if (isUrl) return text.replace(/\/+$/, '');
  const source = flag === undefined ? 'THROUGHLINE_URL' : '--url';
  throw new ConfigError(`${source}: got ${JSON.stringify(shownText(text))}, expected ${URL_ACCEPTED}`);
}

/** As Node decides for its own messages: FORCE_COLOR wins over NO_COLOR, and that over the terminal. */
export function usesColor(env: Surroundings['env'], isTerminal: boolean): boolean {
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false;
  return isTerminal;
}
