import { partialWarnings } from '../terminal/partial-warnings.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { changesMarkdown, writeChanges } from '../terminal/write-changes.ts';
import type { Command } from '../config/command-line.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { readRange, readWhen, WHEN_ACCEPTED } from './when.ts';

const LIMIT = 20;
const LIMIT_RANGE = integerFrom(1, 1_000);

const USAGE = `Usage: throughline changes [flags]

Prints what has changed in a range of time, what matters most first, and the likeliest cause.

  --from TIME          The range begins here (default: an hour before its end): 15m, 2h ago, 2026-11-23T05:00:00Z
  --to TIME            … and ends here (default: now)
  --baseline A..B      What it is compared with (default: the 24 hours before it), such as 26h..2h
  --service NAME       Only changes of this service
  --limit N            At most N changes, 1 to ${LIMIT_RANGE.max} (default: ${LIMIT})
  --json               One line of JSON, as GET /api/v1/changes returns it
  --md                 Markdown
${TERMINAL_USAGE}`;

const CHANGES: Command = {
  name: 'changes',
  flags: {
    '--from': { accepted: WHEN_ACCEPTED },
    '--to': { accepted: WHEN_ACCEPTED },
    '--baseline': { accepted: 'two times with two dots between, such as 26h..2h' },
    '--service': { accepted: 'the name of a service' },
    '--limit': LIMIT_RANGE,
    '--md': 'switch',
  },
};

/** `throughline changes`. Returns the exit code. */
export async function runChanges(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, CHANGES, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const nowMs = Date.now();
    const [from, to, baseline] = [flags.get('--from'), flags.get('--to'), flags.get('--baseline')];
    const before = baseline === undefined ? null : readRange('--baseline', baseline, nowMs);
    const service = flags.get('--service') ?? null;
    const query = {
      ...(from !== undefined && { from: readWhen('--from', from, nowMs) }),
      ...(to !== undefined && { to: readWhen('--to', to, nowMs) }),
      ...(before !== null && { baselineFrom: before.fromUnixNano, baselineTo: before.toUnixNano }),
      ...(service !== null && { service }),
      limit: integerFlag(flags, '--limit', LIMIT_RANGE) ?? LIMIT,
    };
    const response = await new CollectorApi(options).ask((client, request) => client.changes(query, request));
    if (options.format === 'json') process.stdout.write(`${safeJson(response)}\n`);
    else {
      const warnings = [...response.warnings, ...partialWarnings(response.partial)];
      const answer = { ...response, warnings };
      if (options.format === 'markdown') process.stdout.write(changesMarkdown(answer, service));
      else process.stdout.write(render(writeChanges(answer, service, options.screen), options.screen));
    }
    return 0;
  } catch (error) {
    return reportFailure(CHANGES.name, error);
  }
}
