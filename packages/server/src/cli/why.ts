import { TRACE_ID_ACCEPTED } from '@throughline/trace/client';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { whyMarkdown, writeWhy } from '../terminal/write-trace.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { readId, traceArgument } from './trace.ts';
import { readTrace } from './trace-source.ts';

const SPAN_IDS = 4;
const SPAN_IDS_RANGE = integerFrom(0, 1_000);

const USAGE = `Usage: throughline why ID|FILE|- [flags]

Prints why a trace went as it did: one sentence, the cause, and each step with the spans that are its evidence.

  --spans N            IDs of spans for each sentence, 0 to ${SPAN_IDS_RANGE.max} (default: ${SPAN_IDS})
  --id ID              Which of the traces in a file (default: the longest)
  --json               The story as one line of JSON, as GET /api/v1/traces/{traceId}/story returns it
  --md                 Markdown
${TERMINAL_USAGE}`;

const WHY = {
  name: 'why',
  flags: { '--spans': SPAN_IDS_RANGE, '--id': { accepted: TRACE_ID_ACCEPTED }, '--md': 'switch' },
  namesMax: 1,
} as const;

/** `throughline why`. Returns the exit code. */
export async function runWhy(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, WHY, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const spanIds = integerFlag(flags, '--spans', SPAN_IDS_RANGE) ?? SPAN_IDS;
    const report = await readTrace(new CollectorApi(options), traceArgument(line), readId(flags));
    if (options.format === 'json') process.stdout.write(`${safeJson(report.story)}\n`);
    else if (options.format === 'markdown') process.stdout.write(whyMarkdown(report, spanIds));
    else process.stdout.write(render(writeWhy(report, spanIds, options.screen), options.screen));
    return 0;
  } catch (error) {
    return reportFailure(WHY.name, error);
  }
}
