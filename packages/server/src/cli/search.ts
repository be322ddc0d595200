import type { TracesQuery, TracesResponse, TraceSummary } from '@throughline/trace/client';
import { parseTag, writeTag } from '@throughline/trace/client';
import type { Command, CommandLine } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { writeSearch } from '../terminal/write-search.ts';
import { shownText } from '../without-passwords.ts';
import { CollectorApi, partialWarnings } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { MILLISECONDS_ACCEPTED, readMilliseconds, readWhen, WHEN_ACCEPTED } from './when.ts';

const LIMIT = 20;
const LIMIT_RANGE = integerFrom(1, 1_000);
const STATUSES = ['error', 'ok', 'unset'] as const;
const TAG_ACCEPTED = 'key=value, such as http.route=/buy';

export const FILTER_USAGE = `  --service NAME       A span of this service …
  --operation NAME     … with this name
  --status STATUS      … with this status: ${STATUSES.join(', ')}
  --tag KEY=VALUE      … with this attribute; may be repeated, and stand without --tag
  --min DURATION       The trace took at least this long: 250, 250ms, 1.5s, 2m
  --max DURATION       … at most this long`;

export const FILTER_FLAGS: Command['flags'] = {
  '--service': { accepted: 'the name of a service' },
  '--operation': { accepted: 'the name of a span' },
  '--status': { accepted: `one of ${STATUSES.join(', ')}` },
  '--tag': { accepted: TAG_ACCEPTED },
  '--min': { accepted: MILLISECONDS_ACCEPTED },
  '--max': { accepted: MILLISECONDS_ACCEPTED },
};

const USAGE = `Usage: throughline search [KEY=VALUE …] [flags]

Lists traces, newest first: how long ago each began, how long it took, its headline, its ID. Filters on a span hold for one and
the same span.

${FILTER_USAGE}
  --from TIME          The trace overlaps the time from here: 15m, 2h ago, now, 2026-11-23T05:00:00Z
  --to TIME            … to here
  --limit N            At most N traces, 1 to ${LIMIT_RANGE.max} (default: ${LIMIT})
  --json               A line of JSON for each trace, as GET /api/v1/traces returns it
${TERMINAL_USAGE}`;

const SEARCH: Command = {
  name: 'search',
  flags: {
    ...FILTER_FLAGS,
    '--from': { accepted: WHEN_ACCEPTED },
    '--to': { accepted: WHEN_ACCEPTED },
    '--limit': LIMIT_RANGE,
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
    const api = new CollectorApi(options);
    const found = await api.ask((client, request) => client.traces(query, request));
    const traces = await withHeadlines(api, found.traces);
    if (options.format === 'json') for (const trace of traces) process.stdout.write(`${safeJson(trace)}\n`);
    else {
      const lines = writeSearch({ ...found, traces }, partialWarnings(found.partial), nowMs, options.screen);
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

/** As many the API computes at once. */
const HEADLINES_MAX = 100;

/** Headlines that no one has asked for yet are computed now; it takes longer where there are many. */
export async function withHeadlines(
  api: CollectorApi,
  traces: TracesResponse['traces'],
): Promise<readonly TraceSummary[]> {
  const missing = traces.filter(({ headline }) => headline === null).map(({ traceId }) => traceId);
  const computed: Record<string, string> = {};
  for (let at = 0; at < missing.length; at += HEADLINES_MAX) {
    const ids = missing.slice(at, at + HEADLINES_MAX);
    const { headlines } = await api.ask((client, request) => client.headlines(ids, request));
    Object.assign(computed, headlines);
  }
  return traces.map((trace) => ({ ...trace, headline: trace.headline ?? computed[trace.traceId] ?? null }));
}
