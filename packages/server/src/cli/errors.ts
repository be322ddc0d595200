import type { Story } from '@throughline/trace';
import type { TraceSummary } from '@throughline/trace/client';
import type { Command } from '../config/command-line.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { type ErrorGroup, writeErrors } from '../terminal/write-errors.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { catalogOf, FILE_FLAGS, FILE_USAGE, FILTER_FLAGS, FILTER_USAGE, readFilters, readTimes } from './search.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { WHEN_ACCEPTED } from './when.ts';

const LIMIT = 100;
const LIMIT_RANGE = integerFrom(1, 1_000);

const USAGE = `Usage: throughline errors [KEY=VALUE …] [flags]

Groups the newest traces with an error by where the failure began and why, the most frequent first, each with its newest trace.

${FILTER_USAGE}
  --from TIME          From here on: 15m, 2h ago, 2026-11-23T05:00:00Z (default: all that is stored)
  --to TIME            … to here
${FILE_USAGE}
  --limit N            Look at N traces, 1 to ${LIMIT_RANGE.max} (default: ${LIMIT})
  --json               A line of JSON for each group
${TERMINAL_USAGE}`;

const ERRORS: Command = {
  name: 'errors',
  flags: {
    ...FILTER_FLAGS,
    ...FILE_FLAGS,
    '--from': { accepted: WHEN_ACCEPTED },
    '--to': { accepted: WHEN_ACCEPTED },
    '--limit': LIMIT_RANGE,
  },
  namesMax: Infinity,
};

/** `throughline errors`. Returns the exit code. */
export async function runErrors(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, ERRORS, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const nowMs = Date.now();
    const limit = integerFlag(flags, '--limit', LIMIT_RANGE) ?? LIMIT;
    const query = { ...readFilters(line), ...readTimes(flags, nowMs), status: 'error' as const, limit };
    const catalog = catalogOf(line);
    const { traces, nextCursor, warnings } = await catalog.find(query);
    const groups = groupFailures(traces, await catalog.stories(traces));
    if (options.format === 'json') for (const group of groups) process.stdout.write(`${safeJson(group)}\n`);
    else {
      const lines = writeErrors(groups, traces.length, nextCursor !== null, warnings, nowMs, options.screen);
      process.stdout.write(render(lines, options.screen));
    }
    return 0;
  } catch (error) {
    return reportFailure(ERRORS.name, error);
  }
}

/**
 * By service, operation and reason; numbers and quoted texts of a reason do not matter. Both lists are of one order. A
 * trace whose failures did not decide how it ended is in no group.
 */
export function groupFailures(
  traces: readonly Pick<TraceSummary, 'traceId' | 'startTimeUnixNano'>[],
  stories: readonly (Pick<Story, 'summary'> | null)[],
): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup & { readonly traces: { traceId: string; startTimeUnixNano: string }[] }>();
  for (const [at, { traceId, startTimeUnixNano }] of traces.entries()) {
    const cause = stories[at]?.summary.cause;
    if (cause === undefined || cause === null || cause.kind === 'time') continue;
    const { service, operation, kind, reason } = cause;
    const key = JSON.stringify([service, operation, kind, likeReason(reason)]);
    const group = groups.get(key);
    if (group !== undefined) group.traces.push({ traceId, startTimeUnixNano });
    else groups.set(key, { service, operation, kind, reason, traces: [{ traceId, startTimeUnixNano }] });
  }
  return [...groups.values()].toSorted((a, b) => b.traces.length - a.traces.length);
}

function likeReason(reason: string): string {
  return reason.replaceAll(/'[^']*'|"[^"]*"|\b[\da-f]{8}-[\da-f-]{27}\b|\b0x[\da-f]+\b|\d+/gi, '#');
}
