import type { Story } from '@throughline/trace';
import type { TracesQuery, TraceSummary } from '@throughline/trace/client';
import { errorGroupKey } from '@throughline/trace/insight';
import type { Command } from '../config/command-line.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { writeErrorGroups } from '../terminal/write-error-groups.ts';
import { type ErrorGroup, writeErrors } from '../terminal/write-errors.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { catalogOf, FILE_FLAGS, FILE_USAGE, FILTER_FLAGS, FILTER_USAGE, readFilters, readTimes } from './search.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE, type TerminalOptions } from './terminal-options.ts';
import { WHEN_ACCEPTED } from './when.ts';

const LIMIT = 100;
const GROUPS = 20;
const GROUPS_MAX = 500;
const LIMIT_RANGE = integerFrom(1, 1_000);

const USAGE = `Usage: throughline errors [KEY=VALUE …] [flags]

Groups failures by where they began and why, the most frequent first, each with its newest trace, and says which are new. With a filter
other than --service, or of a file, it groups the newest traces with an error that match.

${FILTER_USAGE}
  --from TIME          From here on: 15m, 2h ago, 2026-11-23T05:00:00Z (default: an hour before its end; with a filter all)
  --to TIME            … to here
${FILE_USAGE}
  --limit N            Print at most N groups, 1 to ${GROUPS_MAX} (default: ${GROUPS}); with a filter look at N traces (default: ${LIMIT})
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
    const given = integerFlag(flags, '--limit', LIMIT_RANGE);
    const filters = readFilters(line);
    const times = readTimes(flags, nowMs);
    const isFiltered = Object.entries(filters).some(([name, value]) => name !== 'service' && value !== undefined);
    if (!isFiltered && !flags.has('--file')) {
      const limit = Math.min(given ?? GROUPS, GROUPS_MAX);
      await printGroups(options, { service: filters.service, ...times, limit }, nowMs);
      return 0;
    }
    const query = { ...filters, ...times, status: 'error' as const, limit: given ?? LIMIT };
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

/** As the collector groups them. */
async function printGroups(
  options: TerminalOptions,
  query: Pick<TracesQuery, 'service' | 'from' | 'to' | 'limit'>,
  nowMs: number,
): Promise<void> {
  const response = await new CollectorApi(options).ask((client, request) => client.errors(query, request));
  if (options.format === 'json') for (const group of response.groups) process.stdout.write(`${safeJson(group)}\n`);
  else {
    const lines = writeErrorGroups(response, partialWarnings(response.partial), nowMs, options.screen);
    process.stdout.write(render(lines, options.screen));
  }
}

/**
 * By service, operation and reason; what differs from one message to the next does not matter. Both lists are of one
 * order. A trace whose failures did not decide how it ended is in no group.
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
    const key = errorGroupKey({ service, operation, kind, type: '', message: reason });
    const group = groups.get(key);
    if (group !== undefined) group.traces.push({ traceId, startTimeUnixNano });
    else groups.set(key, { service, operation, kind, reason, traces: [{ traceId, startTimeUnixNano }] });
  }
  return [...groups.values()].toSorted((a, b) => b.traces.length - a.traces.length);
}
