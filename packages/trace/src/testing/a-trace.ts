import type { AnyValue, KeyValue, Span, SpanEvent, TracesData } from '../otlp.ts';
import { SpanKind, StatusCode } from '../otlp.ts';

/** A span to be built, with its children. Times are milliseconds since the start of the trace. */
export interface SpanPlan {
  readonly service: string;
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** `internal` by default. */
  readonly kind?: keyof typeof SpanKind;
  /** An error: its `error.type`, '' for one that does not say; undefined for none. */
  readonly error?: string;
  readonly message?: string;
  readonly attributes?: Readonly<Record<string, string | number>>;
  readonly events?: readonly SpanEvent[];
  /** Numbered by default, in the order of the plan. */
  readonly spanId?: string;
  /** That of the span above in the plan by default; '' for none. */
  readonly parentSpanId?: string;
  /** Attributes of the resource besides `service.name`. */
  readonly resource?: Readonly<Record<string, string>>;
  readonly children?: readonly SpanPlan[];
}

export const A_TRACE_ID = '5b8efff798038103d269b633813fc60c';

/** 2026-11-23T00:00:00Z */
export const A_START_UNIX_NANO = 1_795_392_000_000_000_000n;

/** The plan as OTLP JSON, a ResourceSpans for each span, in the order of the plan. */
export function aTrace(...plans: readonly SpanPlan[]): TracesData {
  const data: TracesData = { resourceSpans: [] };
  const waiting = plans.toReversed().map((plan) => ({ plan, parentSpanId: '' }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { plan } = next;
    const spanId = plan.spanId ?? (data.resourceSpans.length + 1).toString(16).padStart(16, '0');
    data.resourceSpans.push({
      resource: { attributes: keyValues({ 'service.name': plan.service, ...plan.resource }) },
      scopeSpans: [{ scope: { name: 'test' }, spans: [aSpan(plan, spanId, plan.parentSpanId ?? next.parentSpanId)] }],
    });
    for (const child of plan.children?.toReversed() ?? []) waiting.push({ plan: child, parentSpanId: spanId });
  }
  return data;
}

function aSpan(plan: SpanPlan, spanId: string, parentSpanId: string): Span {
  return {
    traceId: A_TRACE_ID,
    spanId,
    ...(parentSpanId !== '' && { parentSpanId }),
    name: plan.name,
    kind: SpanKind[plan.kind ?? 'internal'],
    startTimeUnixNano: unixNano(plan.from),
    endTimeUnixNano: unixNano(plan.to),
    attributes: keyValues({ ...plan.attributes, ...(plan.error && { 'error.type': plan.error }) }),
    ...(plan.events && { events: [...plan.events] }),
    ...(plan.error !== undefined && {
      status: { code: StatusCode.error, ...(plan.message !== undefined && { message: plan.message }) },
    }),
  };
}

export function anException(atMs: number, type: string, message: string): SpanEvent {
  return {
    timeUnixNano: unixNano(atMs),
    name: 'exception',
    attributes: keyValues({ 'exception.type': type, 'exception.message': message }),
  };
}

export function keyValues(members: Readonly<Record<string, string | number>>): KeyValue[] {
  return Object.entries(members).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number): AnyValue {
  return typeof value === 'string' ? { stringValue: value } : { intValue: String(value) };
}

function unixNano(ms: number): string {
  return String(A_START_UNIX_NANO + BigInt(Math.round(ms * 1e6)));
}

/** The item that has to be there. */
export function at<T>(items: ArrayLike<T> | undefined, index: number): T {
  const item = items?.[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
}

/** All spans, in the order of the data. */
export function spansOf(data: TracesData): Span[] {
  return data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
