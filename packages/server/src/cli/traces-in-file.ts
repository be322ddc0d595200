import {
  type AnyValue,
  attributeText,
  type KeyValue,
  type Story,
  StatusCode,
  tellStory,
  type Trace,
  traceFromOtlp,
} from '@throughline/trace';
import { parseTag, type Tag, type TracesQuery, type TraceSummary } from '@throughline/trace/client';
import type { FoundTraces, TraceCatalog } from './trace-catalog.ts';
import { readTraceFile } from './read-trace-file.ts';

/** The traces of a file or of standard input; what matches is what matches in the store of a collector. */
export class TracesInFile implements TraceCatalog {
  readonly #path: string;
  readonly #stories = new Map<string, Story>();

  /** @param path `-` for standard input. */
  constructor(path: string) {
    this.#path = path;
  }

  async find({ limit = 20, ...query }: TracesQuery): Promise<FoundTraces> {
    const { traces, warnings } = await readTraceFile(this.#path);
    const found = [...traces.values()]
      .map((data) => traceFromOtlp(data))
      .filter((trace) => matches(trace, query))
      .map((trace) => ({ trace, start: startOf(trace) }))
      .toSorted((a, b) => (a.start === b.start ? 0 : a.start < b.start ? 1 : -1));
    const shown = found.slice(0, limit).map(({ trace, start }) => {
      const story = tellStory(trace);
      this.#stories.set(trace.traceId, story);
      return summaryOf(trace, start, story);
    });
    return { traces: shown, nextCursor: found.length > limit ? '' : null, warnings };
  }

  stories(traces: readonly TraceSummary[]): Promise<readonly (Story | null)[]> {
    return Promise.resolve(traces.map(({ traceId }) => this.#stories.get(traceId) ?? null));
  }
}

function startOf(trace: Trace): bigint {
  return trace.traceStartUnixNano + BigInt(Math.round(trace.startNs[trace.rootIndex] ?? 0));
}

function summaryOf(trace: Trace, start: bigint, { headline }: Story): TraceSummary {
  const { rootIndex, names, services, serviceIndex, durationNs, extentNs, spanCount, hasRoot, traceId } = trace;
  const counts = services.map((name) => ({ name, spanCount: 0, errorCount: 0 }));
  for (let span = 0; span < spanCount; span++) {
    const count = counts[serviceIndex[span]!]!;
    count.spanCount++;
    if (trace.statusCode[span] === StatusCode.error) count.errorCount++;
  }
  return {
    traceId,
    rootService: services[serviceIndex[rootIndex] ?? -1] ?? '',
    rootOperation: names[rootIndex] ?? '',
    hasRoot,
    startTimeUnixNano: String(start),
    durationNs: String(hasRoot ? (durationNs[rootIndex] ?? 0) : extentNs),
    extentNs: String(extentNs),
    spanCount,
    errorCount: counts.reduce((sum, { errorCount }) => sum + errorCount, 0),
    services: counts.toSorted((a, b) => b.spanCount - a.spanCount),
    headline,
  };
}

function matches(trace: Trace, query: TracesQuery): boolean {
  const { minDurationMs, maxDurationMs, from, to, service, operation, status, tags = [] } = query;
  const end = trace.traceStartUnixNano + BigInt(Math.round(trace.extentNs));
  const rootNs = trace.hasRoot ? (trace.durationNs[trace.rootIndex] ?? 0) : trace.extentNs;
  if (minDurationMs !== undefined && trace.extentNs < minDurationMs * 1e6) return false;
  if (maxDurationMs !== undefined && rootNs > maxDurationMs * 1e6) return false;
  if (from !== undefined && end < BigInt(from)) return false;
  if (to !== undefined && trace.traceStartUnixNano > BigInt(to)) return false;
  const wanted = tags.map((tag) => parseTag(tag)).filter((tag) => tag !== null);
  for (let span = 0; span < trace.spanCount; span++) {
    if (service !== undefined && trace.services[trace.serviceIndex[span]!] !== service) continue;
    if (operation !== undefined && trace.names[span] !== operation) continue;
    if (status !== undefined && trace.statusCode[span] !== StatusCode[status]) continue;
    if (wanted.every((tag) => hasTag(trace, span, tag))) return true;
  }
  return false;
}

function hasTag(trace: Trace, index: number, { key, value }: Tag): boolean {
  const { span, resource, scope } = trace.source(index);
  const lists = [
    span.attributes,
    resource?.attributes,
    scope?.attributes,
    ...(span.events ?? []).map((e) => e.attributes),
  ];
  const isIt = (found: AnyValue): boolean =>
    attributeText(found) === value ||
    (found.arrayValue?.values ?? []).some((element) => attributeText(element) === value);
  const inList = (list: readonly KeyValue[] | undefined): boolean =>
    list?.some((attribute) => attribute.key === key && isIt(attribute.value)) === true;
  return lists.some(inList);
}
