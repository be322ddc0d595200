import { traceFromOtlp } from '@throughline/trace';
import type { MapResponse } from '@throughline/trace/client';
import { dependencyEdges, ownTimes, serviceMap, tableOfTraces } from '@throughline/trace/insight';
import type { Command } from '../config/command-line.ts';
import { ConfigError } from '../config/setting.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { safeJson } from '../terminal/safe-text.ts';
import { render } from '../terminal/screen.ts';
import { mapMarkdown, type MapReport, writeMap } from '../terminal/write-map.ts';
import { CollectorApi } from './collector-api.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';
import { readTraceFile } from './read-trace-file.ts';
import { reportFailure } from './report-failure.ts';
import { readTerminalLine, surroundings, TERMINAL_USAGE } from './terminal-options.ts';
import { readWhen, WHEN_ACCEPTED } from './when.ts';

const LIMIT = 200;
const LIMIT_RANGE = integerFrom(1, 5_000);
const DEPTH = 2;
const DEPTH_RANGE = integerFrom(1, 32);
/** Of a file all edges are looked at. */
const FILE_EDGES_MAX = 100_000;

const USAGE = `Usage: throughline map [FILE] [flags]

Prints which services call which, and which databases, queues and hosts: calls a second, errors, and how long callers wait.
A collector measures it by ten minutes. FILE is OTLP JSON (- is standard input), of which the spans are looked at.

  --from TIME          The range begins here (default: an hour before its end): 15m, 2h ago, 2026-11-23T05:00:00Z
  --to TIME            … and ends here (default: now)
  --service NAME       Only what this service calls, and what calls it …
  --depth N            … by N calls after each other in each direction, 1 to ${DEPTH_RANGE.max} (default: ${DEPTH})
  --limit N            At most N edges, the most frequent ones, 1 to ${LIMIT_RANGE.max} (default: ${LIMIT})
  --md                 Markdown
  --json               One line of JSON, as GET /api/v1/map returns it
${TERMINAL_USAGE}`;

const MAP: Command = {
  name: 'map',
  flags: {
    '--from': { accepted: WHEN_ACCEPTED },
    '--to': { accepted: WHEN_ACCEPTED },
    '--service': { accepted: 'the name of a service' },
    '--depth': DEPTH_RANGE,
    '--limit': LIMIT_RANGE,
    '--md': 'switch',
  },
  namesMax: 1,
};

interface MapOptions {
  readonly service: string | null;
  readonly depth: number;
  readonly limit: number;
}

/** `throughline map`. Returns the exit code. */
export async function runMap(args: readonly string[]): Promise<number> {
  try {
    const line = readTerminalLine(args, MAP, surroundings());
    if (line === null) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { options, flags, names } = line;
    const asked = {
      service: flags.get('--service') ?? null,
      depth: integerFlag(flags, '--depth', DEPTH_RANGE) ?? DEPTH,
      limit: integerFlag(flags, '--limit', LIMIT_RANGE) ?? LIMIT,
    };
    const [from, to] = [flags.get('--from'), flags.get('--to')];
    const [file] = names;
    if (file !== undefined && (from ?? to) !== undefined) {
      throw new ConfigError('--from and --to select a time of a collector; a file is looked at as a whole');
    }
    const nowMs = Date.now();
    const { response, ...report } =
      file === undefined
        ? await mapOfCollector(new CollectorApi(options), asked, {
            ...(from !== undefined && { from: readWhen('--from', from, nowMs) }),
            ...(to !== undefined && { to: readWhen('--to', to, nowMs) }),
          })
        : await mapOfFile(file, asked);
    const all: MapReport = { ...response, ...report, service: asked.service };
    if (options.format === 'json') process.stdout.write(`${safeJson(response)}\n`);
    else if (options.format === 'markdown') process.stdout.write(mapMarkdown(all));
    else process.stdout.write(render(writeMap(all, options.screen), options.screen));
    return 0;
  } catch (error) {
    return reportFailure(MAP.name, error);
  }
}

type Found = Pick<MapReport, 'of' | 'warnings'> & { readonly response: MapResponse };

async function mapOfCollector(
  api: CollectorApi,
  { service, depth, limit }: MapOptions,
  range: { readonly from?: string; readonly to?: string },
): Promise<Found> {
  const query = { ...range, ...(service !== null && { service, depth }), limit };
  const response = await api.ask((client, request) => client.map(query, request));
  const { fromUnixNano, toUnixNano, measuredUntilUnixNano, share, partial } = response;
  const isSample = share < 1;
  return {
    response,
    of:
      measuredUntilUnixNano === null
        ? `${minuteOf(fromUnixNano)} to ${minuteOf(toUnixNano)}`
        : `${minuteOf(fromUnixNano)} to ${minuteOf(measuredUntilUnixNano)}${isSample ? ', from a sample of the traces' : ''}`,
    warnings: [
      ...(measuredUntilUnixNano === null ? ['nothing of this time has been measured yet'] : []),
      ...partialWarnings(partial),
    ],
  };
}

/** `2026-11-23 05:00 UTC`. */
function minuteOf(unixNano: string): string {
  const text = new Date(Number(BigInt(unixNano) / 1_000_000n)).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

async function mapOfFile(path: string, { service, depth, limit }: MapOptions): Promise<Found> {
  const { name, traces: found, warnings } = await readTraceFile(path);
  const traces = [...found.values()].map((data) => traceFromOtlp(data));
  const begins = traces.map(({ traceStartUnixNano }) => traceStartUnixNano);
  const ends = traces.map(({ traceStartUnixNano, extentNs }) => traceStartUnixNano + BigInt(Math.round(extentNs)));
  const begin = begins.reduce((least, one) => (one < least ? one : least));
  const end = ends.reduce((most, one) => (one > most ? one : most));
  const table = tableOfTraces(traces);
  const { edges } = dependencyEdges(table, ownTimes(table), { share: 1, edgesMax: FILE_EDGES_MAX });
  const seconds = Math.max(1, Number(end - begin) / 1e9);
  const map = serviceMap(
    edges.map((edge) => ({ ...edge, latencies: edge.latencies.entries() })),
    { seconds, service, depth, edgesMax: limit },
  );
  return {
    response: {
      fromUnixNano: String(begin),
      toUnixNano: String(end),
      measuredSeconds: Math.round(seconds),
      measuredUntilUnixNano: String(end),
      storedSpanCount: table.count,
      readSpanCount: table.count,
      share: 1,
      nodes: [...map.nodes],
      edges: map.edges.map(({ weighed: _unused, ...edge }) => ({
        ...edge,
        estimate: { basis: 'exact' as const, relativeError: 0 },
      })),
      truncated: map.isTruncated,
    },
    of: name,
    warnings,
  };
}
