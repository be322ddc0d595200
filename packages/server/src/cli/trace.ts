import { parseTraceId, TRACE_ID_ACCEPTED } from '@throughline/trace/client';
import { type CommandLine } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { layOutRows, type RowOptions } from '../terminal/lay-out-rows.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { traceJson } from '../terminal/trace-json.ts';
import { traceMarkdown, writeTrace } from '../terminal/write-trace.ts';
import { shownText } from '../without-passwords.ts';
import { browseTrace } from './browse-trace.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { readTrace, TRACE_ACCEPTED } from './trace-source.ts';

const ROWS = 100;
const ROWS_RANGE = integerFrom(1, 100_000);
/** Of which a screen shows some at a time. */
const INTERACTIVE_ROWS = 10_000;
const DEPTH_RANGE = integerFrom(0, 1_000_000);

const USAGE = `Usage: throughline trace ID|FILE|- [flags]

Prints the story of a trace and its spans as a waterfall: blocks are the critical path, lines are time off it, ✖ failed, ▶ is
the cause, ×312 are like siblings in one row, +37 are spans below that are not shown.

  ID                   A trace of the collector, in any form: 32 digits, 16, a UUID, a whole traceparent
  FILE, -              OTLP JSON in a file or on standard input, a document or one per line; analysed here

  --critical           Only the critical path
  --errors             Only spans that failed, and their parents
  --depth N            Only N levels below the top
  --rows N             At most N rows, 1 to ${ROWS_RANGE.max} (default: ${ROWS}): the critical path, failures and the longest spans come first
  --expand             A row for each of like siblings
  --interactive        Browse the spans with the keyboard, on the whole terminal
  --id ID              Which of the traces in a file (default: the longest)
  --json               The story and the spans as one line of JSON, without a limit of rows
  --md                 Markdown
${TERMINAL_USAGE}`;

const TRACE = {
  name: 'trace',
  flags: {
    '--critical': 'switch',
    '--errors': 'switch',
    '--depth': DEPTH_RANGE,
    '--rows': ROWS_RANGE,
    '--expand': 'switch',
    '--interactive': 'switch',
    '--id': { accepted: TRACE_ID_ACCEPTED },
    '--md': 'switch',
  },
  namesMax: 1,
} as const;

/** `throughline trace`. Returns the exit code. */
export async function runTrace(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, TRACE, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const rows = readRowOptions(flags);
    if (flags.has('--interactive')) checkInteractive(line);
    const report = await readTrace(new CollectorApi(options), traceArgument(line), readId(flags));
    if (flags.has('--interactive')) {
      const all = { ...rows, rowsMax: integerFlag(flags, '--rows', ROWS_RANGE) ?? INTERACTIVE_ROWS };
      await browseTrace(report, all, options.screen, process.stdin, process.stdout);
      return 0;
    }
    if (options.format === 'markdown') process.stdout.write(traceMarkdown(report, rows, options.screen.width));
    else if (options.format === 'json') {
      const { trace, story } = report;
      const all = layOutRows(trace, new Set(), { ...rows, rowsMax: Infinity, isExpanded: true });
      process.stdout.write(`${safeJson(traceJson(trace, story, all))}\n`);
    } else process.stdout.write(render(writeTrace(report, rows, options.screen), options.screen));
    return 0;
  } catch (error) {
    return reportFailure(TRACE.name, error);
  }
}

/** Throws ConfigError. */
export function traceArgument({ names }: Pick<CommandLine, 'names'>, place = 0): string {
  const given = names[place];
  if (given !== undefined && given !== '') return given;
  throw new ConfigError(`missing argument; expected ${TRACE_ACCEPTED}`);
}

/** Null without `--id`. Throws ConfigError. */
export function readId(flags: ReadonlyMap<string, string>): string | null {
  const text = flags.get('--id');
  if (text === undefined) return null;
  const id = parseTraceId(text);
  if (id !== null) return id;
  throw new ConfigError(`--id: got ${JSON.stringify(shownText(text))}, expected ${TRACE_ID_ACCEPTED}`);
}

function checkInteractive({ flags, names }: CommandLine): void {
  const other = ['--json', '--md', '--width'].find((flag) => flags.has(flag));
  if (other !== undefined) throw new ConfigError(`expected --interactive or ${other}, not both`);
  if (names[0] === '-') throw new ConfigError('--interactive reads keys from standard input; give the trace as a file');
  if (process.stdin.isTTY && process.stdout.isTTY) return;
  throw new ConfigError('--interactive needs a terminal; without the flag the trace is printed');
}

function readRowOptions(flags: ReadonlyMap<string, string>): RowOptions {
  return {
    critical: flags.has('--critical'),
    errors: flags.has('--errors'),
    depthMax: integerFlag(flags, '--depth', DEPTH_RANGE) ?? Infinity,
    rowsMax: integerFlag(flags, '--rows', ROWS_RANGE) ?? ROWS,
    isExpanded: flags.has('--expand'),
  };
}
