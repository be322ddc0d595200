import type { TraceSummary } from '@throughline/trace/client';

/** A summary of all stored spans of a trace; its headline is another matter. */
export type StoredTraceSummary = Omit<TraceSummary, 'headline'>;

export interface SummarisedTrace {
  readonly trace: StoredTraceSummary;
  /** The end of the span that ends last, in nanoseconds since the epoch. */
  readonly lastEndNs: bigint;
  /** The start of the span that starts first, by whatever clock. */
  readonly firstStartNs: bigint;
}

/** The spans of one trace and one service. A position sorts as (start, id) does; '' where there is no root. */
export interface ServiceOfTrace {
  readonly service: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly lastEndNs: bigint;
  readonly first: { readonly position: string; readonly name: string };
  readonly root: Root | null;
}

/**
 * Of several, the longest one stands for the trace; among those, the one that started first, then the one with the
 * lowest id.
 */
export interface Root {
  readonly durationNs: bigint;
  readonly startNs: bigint;
  /** Hex. */
  readonly spanId: string;
  readonly name: string;
}

/** The earliest span of a trace whose parent is not known: what it called may have been done by another clock. */
export interface TopSpan {
  readonly position: string;
  readonly service: string;
  readonly name: string;
}

/** A trace of which no root is known is shown as its top span says. */
export function shownByTop(summarised: SummarisedTrace, { position, service, name }: TopSpan): SummarisedTrace {
  const startTimeUnixNano = String(startOf(position));
  const trace = { ...summarised.trace, rootService: service, rootOperation: name, startTimeUnixNano };
  return { ...summarised, trace };
}

/** Of two of one trace, the one that started first. */
export function earlierTop(a: TopSpan, b: TopSpan): TopSpan {
  return `${b.position} ${b.service}` < `${a.position} ${a.service}` ? b : a;
}

/** Hex. */
export function spanIdOf(position: string): string {
  return position.slice(NUMBER_DIGITS);
}

function startOf(position: string): bigint {
  return BigInt(`0x${position.slice(0, NUMBER_DIGITS)}`);
}

/** Hex digits of a 64-bit number in a position. */
export const NUMBER_DIGITS = 16;

export function addService(
  traces: Map<string, Map<string, ServiceOfTrace>>,
  traceId: string,
  service: ServiceOfTrace,
): void {
  const services = traces.get(traceId) ?? new Map<string, ServiceOfTrace>();
  traces.set(traceId, services);
  const known = services.get(service.service);
  services.set(service.service, known === undefined ? service : together(known, service));
}

export function summariesOfServices(
  traces: ReadonlyMap<string, ReadonlyMap<string, ServiceOfTrace>>,
): Map<string, SummarisedTrace> {
  return new Map(Array.from(traces, ([traceId, services]) => [traceId, summaryOf(traceId, [...services.values()])]));
}

function together(a: ServiceOfTrace, b: ServiceOfTrace): ServiceOfTrace {
  return {
    service: a.service,
    spanCount: a.spanCount + b.spanCount,
    errorCount: a.errorCount + b.errorCount,
    lastEndNs: b.lastEndNs > a.lastEndNs ? b.lastEndNs : a.lastEndNs,
    first: b.first.position < a.first.position ? b.first : a.first,
    root: longer(a.root, b.root),
  };
}

function longer(a: Root | null, b: Root | null): Root | null {
  if (a === null || b === null) return a ?? b;
  if (a.durationNs !== b.durationNs) return a.durationNs > b.durationNs ? a : b;
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? a : b;
  return a.spanId <= b.spanId ? a : b;
}

function summaryOf(traceId: string, services: readonly ServiceOfTrace[]): SummarisedTrace {
  const first = services.reduce((a, b) => (placeOf(b) < placeOf(a) ? b : a));
  const root = services.reduce<Root | null>((longest, service) => longer(longest, service.root), null);
  const rooted = services.find((service) => service.root !== null && service.root === root);
  const firstNs = startOf(first.first.position);
  const lastEndNs = services.reduce((last, { lastEndNs: end }) => (end > last ? end : last), 0n);
  const extentNs = lastEndNs - firstNs;
  const trace = {
    traceId,
    rootService: (rooted ?? first).service,
    rootOperation: root === null ? first.first.name : root.name,
    hasRoot: root !== null,
    // One clock that is off must not say when the trace was: its root's does.
    startTimeUnixNano: String(root === null ? firstNs : root.startNs),
    durationNs: String(root === null ? extentNs : root.durationNs),
    extentNs: String(extentNs),
    spanCount: sum(services, 'spanCount'),
    errorCount: sum(services, 'errorCount'),
    services: services
      .map(({ service, spanCount, errorCount }) => ({ name: service, spanCount, errorCount }))
      .toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1)),
  };
  return { trace, lastEndNs, firstStartNs: firstNs };
}

function placeOf({ first, service }: ServiceOfTrace): string {
  return `${first.position} ${service}`;
}

function sum(services: readonly ServiceOfTrace[], count: 'spanCount' | 'errorCount'): number {
  return services.reduce((total, service) => total + service[count], 0);
}
