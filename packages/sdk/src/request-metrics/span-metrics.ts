import { StatusCounts, type OperationCounts } from './operation-counts.ts';

/**
 * In the order of `SpanKind` and `SpanStatusCode` of OpenTelemetry's API; named as its span metrics connector names
 * them.
 */
const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const STATUSES = ['UNSET', 'OK', 'ERROR'];

/** What ended under one name, kind and status, whatever name it started under. */
export class SpanMetric extends StatusCounts {
  readonly attributes: Readonly<Record<string, string>>;

  constructor(name: string, kind: number, status: number) {
    super();
    this.attributes = {
      'span.name': name,
      'span.kind': `SPAN_KIND_${KINDS[kind]}`,
      'status.code': `STATUS_CODE_${STATUSES[status]}`,
    };
  }

  add({ buckets, durationSumNs, requests }: StatusCounts): void {
    this.requests += requests;
    this.durationSumNs += durationSumNs;
    for (const [i, count] of buckets.entries()) this.buckets[i] = (this.buckets[i] ?? 0) + count;
  }
}

/** The request metrics as the span metrics connector shows them: no two have the same attributes. */
export function spanMetrics(counts: OperationCounts): Iterable<SpanMetric> {
  const metrics = new Map<string, SpanMetric>();
  for (const { kind, named } of counts.operations()) {
    for (const { name, statuses } of named.values()) {
      for (const [status, counted] of statuses.entries()) {
        if (counted === undefined) continue;
        const key = `${kind} ${status} ${name}`;
        const metric = metrics.get(key) ?? new SpanMetric(name, kind, status);
        metrics.set(key, metric);
        metric.add(counted);
      }
    }
  }
  return metrics.values();
}
