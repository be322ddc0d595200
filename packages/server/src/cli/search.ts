import type { TracesQuery } from '@throughline/trace/client';
import { parseTag, writeTag } from '@throughline/trace/client';
import type { Command, CommandLine } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { searchMarkdown, writeSearch } from '../terminal/write-search.ts';
import { shownText } from '../without-passwords.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE, type TerminalOptions } from './terminal-options.ts';
import { StoredTraces, type TraceCatalog } from './trace-catalog.ts';
import { TracesInFile } from './traces-in-file.ts';
import { MILLISECONDS_ACCEPTED, readMilliseconds, readWhen, WHEN_ACCEPTED } from './when.ts';

const LIMIT = 20;
const LIMIT_RANGE = integerFrom(1, 1_000);
const STATUSES = ['error', 'ok', 'unset'] as const;
const TAG_ACCEPTED = 'key=value, such as http.route=/buy';

export const STATUS_USAGE = `  --status STATUS      A span with this status: ${STATUSES.join(', ')}`;

export const FILTER_USAGE = `  --service NAME       A span of this service …
  --operation NAME     … with this name
  --tag KEY=VALUE      … with this attribute; may be repeated, and stand without --tag
  --min DURATION       The trace took at least this long: 250, 250ms, 1.5s, 2m
  --max DURATION       … at most this long`;

export const STATUS_FLAGS: Command['flags'] = { '--status': { accepted: `one of ${STATUSES.join(', ')}` } };

/** Of a file to read in place of a collector. */
export const FILE_USAGE = `  --file FILE          Search OTLP JSON in a file, or - for standard input, and no collector`;
export const FILE_FLAGS: Command['flags'] = { '--file': { accepted: 'the path of a file, or -' } };

export const FILTER_FLAGS: Command['flags'] = {
  '--service': { accepted: 'the name of a service' },
  '--operation': { accepted: 'the name of a span' },
  '--tag': { accepted: TAG_ACCEPTED },
  '--min': { accepted: MILLISECONDS_ACCEPTED },
  '--max': { accepted: MILLISECONDS_ACCEPTED },
};

const USAGE = `Usage: throughline search [KEY=VALUE …] [flags]

Lists traces, newest first: how long ago each began, how long it took, its headline, its ID. Filters on a span hold for one and
the same span.

${FILTER_USAGE}
${STATUS_USAGE}
  --from TIME          The trace overlaps the time from here: 15m, 2h ago, now, 2026-11-23T05:00:00Z
  --to TIME            … to here
${FILE_USAGE}
  --limit N            At most N traces, 1 to ${LIMIT_RANGE.max} (default: ${LIMIT})
  --json               A line of JSON for each trace, as GET /api/v1/traces returns it
  --md                 Markdown
${TERMINAL_USAGE}`;

const SEARCH: Command = {
  name: 'search',
  flags: {
    ...FILTER_FLAGS,
    ...STATUS_FLAGS,
    ...FILE_FLAGS,
    '--from': { accepted: WHEN_ACCEPTED },
    '--to': { accepted: WHEN_ACCEPTED },
    '--limit': LIMIT_RANGE,
    '--md': 'switch',
  },
  namesMax: Infinity,
};

/** `throughline search`. Returns the exit code. */
export async function runSearch(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, SEARCH, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags } = line;
    const nowMs = Date.now();
    const query = {
      ...readFilters(line),
      ...readTimes(flags, nowMs),
      limit: integerFlag(flags, '--limit', LIMIT_RANGE) ?? LIMIT,
    };
    const { traces, nextCursor, warnings } = await catalogOf(line).find(query);
    if (options.format === 'json') for (const trace of traces) process.stdout.write(`${safeJson(trace)}\n`);
    else if (options.format === 'markdown') {
      process.stdout.write(searchMarkdown({ traces, nextCursor }, warnings, nowMs));
    } else {
      const lines = writeSearch({ traces, nextCursor }, warnings, nowMs, options.screen);
      process.stdout.write(render(lines, options.screen));
    }
    return 0;
  } catch (error) {
    return reportFailure(SEARCH.name, error);
  }
}

/** What holds for a span of the trace, and its duration. Throws ConfigError. */
export function readFilters({ flags, lists, names }: CommandLine): TracesQuery {
  const status = flags.get('--status');
  if (status !== undefined && !(STATUSES as readonly string[]).includes(status)) {
    throw new ConfigError(`--status: got ${JSON.stringify(shownText(status))}, expected one of ${STATUSES.join(', ')}`);
  }
  const tags = [...names, ...(lists.get('--tag') ?? [])].map((text) => {
    const tag = parseTag(text);
    if (tag === null) throw new ConfigError(`tag: got ${JSON.stringify(shownText(text))}, expected ${TAG_ACCEPTED}`);
    return writeTag(tag);
  });
  const [min, max] = [flags.get('--min'), flags.get('--max')];
  return {
    service: flags.get('--service'),
    operation: flags.get('--operation'),
    status: status as TracesQuery['status'],
    ...(min !== undefined && { minDurationMs: readMilliseconds('--min', min) }),
    ...(max !== undefined && { maxDurationMs: readMilliseconds('--max', max) }),
    ...(tags.length > 0 && { tags }),
  };
}

/** Throws ConfigError. */
export function readTimes(flags: ReadonlyMap<string, string>, nowMs: number): Pick<TracesQuery, 'from' | 'to'> {
  const [from, to] = [flags.get('--from'), flags.get('--to')];
  return {
    ...(from !== undefined && { from: readWhen('--from', from, nowMs) }),
    ...(to !== undefined && { to: readWhen('--to', to, nowMs) }),
  };
}

/** Where `search` and `errors` look. */
export function catalogOf({ options, flags }: { options: TerminalOptions; flags: CommandLine['flags'] }): TraceCatalog {
  const file = flags.get('--file');
  return file === undefined ? new StoredTraces(new CollectorApi(options)) : new TracesInFile(file);
}
