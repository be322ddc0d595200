import { compareTraces, describeComparison } from '@throughline/trace';
import type { Command } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { comparisonMarkdown, writeComparison } from '../terminal/write-comparison.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { traceArgument } from './trace.ts';
import { readTrace } from './trace-source.ts';

const ROWS = 60;
const ROWS_RANGE = integerFrom(1, 100_000);

const USAGE = `Usage: throughline diff A B [flags]

Compares two traces, call path by call path: what only one of them does (- A, + B), what takes longer or shorter (▲ ▼), what is called
more often or fails (✖). A and B are IDs, files with OTLP JSON, or - for standard input. The last column is what each path adds to
the difference between the two; all paths together are that difference.

  --rows N             At most N rows, 1 to ${ROWS_RANGE.max} (default: ${ROWS}); what adds most comes first
  --json               The comparison as one line of JSON, as the API returns it, with at most 1,000 paths
  --md                 Markdown
${TERMINAL_USAGE}`;

const DIFF: Command = { name: 'diff', flags: { '--rows': ROWS_RANGE, '--md': 'switch' }, namesMax: 2 };

/** `throughline diff`. Returns the exit code. */
export async function runDiff(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, DIFF, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const [given, other] = [traceArgument(line, 0), traceArgument(line, 1)];
    if (given === '-' && other === '-') throw new ConfigError('only one of the two traces can be on standard input');
    const rowsMax = integerFlag(flags, '--rows', ROWS_RANGE) ?? ROWS;
    const api = new CollectorApi(options);
    const [a, b] = await Promise.all([readTrace(api, given, null), readTrace(api, other, null)]);
    if (options.format === 'json') {
      const spansInTrace = { spansInTraceA: a.story.spansInTrace, spansInTraceB: b.story.spansInTrace };
      process.stdout.write(`${safeJson(describeComparison(a.trace, b.trace, spansInTrace))}\n`);
      return 0;
    }
    const comparison = compareTraces(a.trace, b.trace);
    if (options.format === 'markdown') {
      process.stdout.write(comparisonMarkdown(comparison, a, b, rowsMax, options.screen.width));
    } else process.stdout.write(render(writeComparison(comparison, a, b, rowsMax, options.screen), options.screen));
    return 0;
  } catch (error) {
    return reportFailure(DIFF.name, error);
  }
}
