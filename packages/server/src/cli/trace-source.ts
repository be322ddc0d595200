import { existsSync } from 'node:fs';
import { tellStory, traceFromOtlp, type TracesData } from '@throughline/trace';
import { parseTraceId, TRACE_ID_ACCEPTED, uiPath } from '@throughline/trace/client';
import { ConfigError } from '../config/setting.ts';
import { countOf } from '../count-of.ts';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import type { TraceReport } from '../terminal/write-trace.ts';
import { shownText } from '../without-passwords.ts';
import type { CollectorApi } from './collector-api.ts';
import { CommandError } from './command-error.ts';
import { readTraceFile, type TraceFile } from './read-trace-file.ts';

/** What names a trace on the command line, completing "expected …". */
export const TRACE_ACCEPTED = 'the ID of a trace, a file with OTLP JSON, or - for standard input';

/**
 * Reads a trace: what reads as a trace ID is asked of the collector, `-` is standard input, and all else is a file. Of
 * several traces in a file it is `traceId`, or the longest. Throws ConfigError for what is none of these, and
 * CommandError where there is no such trace.
 */
export async function readTrace(api: CollectorApi, given: string, traceId: string | null): Promise<TraceReport> {
  const id = parseTraceId(given);
  if (id !== null) return storedTrace(api, id);
  if (given !== '-' && !existsSync(given)) {
    throw new ConfigError(
      `${JSON.stringify(shownText(given))} is neither a trace ID nor a file; expected ${TRACE_ID_ACCEPTED}`,
    );
  }
  return traceInFile(await readTraceFile(given), traceId);
}

async function storedTrace(api: CollectorApi, traceId: string): Promise<TraceReport> {
  const { spansInTrace, partial, ...data } = await api.ask((client, options) => client.trace(traceId, options));
  const trace = traceFromOtlp(data);
  return {
    trace,
    story: tellStory(trace, spansInTrace === undefined ? {} : { spansInTrace }),
    url: `${api.url}${uiPath('trace', { traceId })}`,
    warnings: partialWarnings(partial),
  };
}

function traceInFile({ name, traces, warnings: reading }: TraceFile, traceId: string | null): TraceReport {
  const warnings = [...reading];
  const wanted = traceId === null ? longestOf([...traces.values()]) : traces.get(traceId);
  if (wanted === undefined) {
    const [first = ''] = traces.keys();
    throw new CommandError(`${name} has ${countOf(traces.size, 'trace')}, and not ${traceId}; the first is ${first}`);
  }
  if (traceId === null && traces.size > 1) {
    warnings.push(`${name} has ${traces.size} traces; this is the longest, and --id selects another`);
  }
  const trace = traceFromOtlp(wanted);
  return { trace, story: tellStory(trace), url: null, warnings };
}

function longestOf(traces: readonly TracesData[]): TracesData | undefined {
  if (traces.length === 1) return traces[0];
  const durations = traces.map((data): [TracesData, number] => {
    const { durationNs, rootIndex } = traceFromOtlp(data);
    return [data, durationNs[rootIndex] ?? 0];
  });
  return durations.reduce((longest, next) => (next[1] > longest[1] ? next : longest))[0];
}
