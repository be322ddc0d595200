import { attributeText, findAttribute, traceFromOtlp } from '@throughline/trace';
import type { SpanSource, Trace, TracesData } from '@throughline/trace';
import type { TraceSamplingDecision, TraceSamplingResponse } from '@throughline/trace/client';

/** A span that shows why its trace was sampled. */
export interface DecidingSpan {
  readonly service: string;
  readonly name: string;
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number;
  /** As text; undefined where it has none, and for attributes that no rule reads. */
  attribute(key: string): string | undefined;
}

/** The settings that applications get for the operation of a span now; null where nothing is known of it. */
export type ReasonOf = (span: DecidingSpan) => TraceSamplingDecision['reason'];

/** What rules of sampling read of a span. */
const DECIDING_ATTRIBUTES = ['http.request.method', 'http.route', 'url.path'];

interface DecidingFacts extends Omit<TraceSamplingDecision, 'reason'> {
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** All that a trace's own spans show of why it was sampled, as plain data. */
export interface TraceSamplingFacts extends Omit<TraceSamplingResponse, 'decisions'> {
  readonly decisions: readonly DecidingFacts[];
}

/** Of a trace in which more spans decided, the first ones are answered. */
const DECISIONS_MAX = 100;

/**
 * Why a trace was sampled. A span decided if its caller reports no threshold: it is at the top, or its parent has none.
 * It raised the threshold where its own is higher than its parent's: then fewer traces reach what is below it.
 */
export function samplingOf(data: TracesData, reasonOf: ReasonOf): TraceSamplingResponse {
  return withReasons(samplingFactsOf(data), reasonOf);
}

/** Adds the settings that applications get now. */
export function withReasons({ decisions, ...whole }: TraceSamplingFacts, reasonOf: ReasonOf): TraceSamplingResponse {
  return {
    ...whole,
    decisions: decisions.map(({ kind, attributes, text, ...decision }) => {
      const attribute = (key: string): string | undefined => attributes[key];
      const { service, operation: name } = decision;
      return { ...decision, reason: reasonOf({ service, name, kind, attribute }), text };
    }),
  };
}

export function samplingFactsOf(data: TracesData): TraceSamplingFacts {
  const trace = traceFromOtlp(data);
  const thresholds = Array.from({ length: trace.spanCount }, (_, index) =>
    thresholdIn(trace.source(index).span.traceState),
  );
  const isStated = thresholds.some((threshold) => threshold !== '');
  const decisions: DecidingFacts[] = [];
  let isUnknown = false;
  let isEstimated = false;
  for (const [index, threshold] of thresholds.entries()) {
    const isWithout = threshold === '' && (isStated || statesThresholds(trace.source(index)));
    isUnknown ||= isWithout;
    isEstimated ||= threshold !== '' && probabilityOf(threshold) < 1;
    const parent = trace.parentIndex[index] ?? -1;
    if (decisions.length < DECISIONS_MAX && decides(threshold, parent < 0 ? undefined : thresholds[parent])) {
      decisions.push(decisionOf(trace, index, { threshold, isWithout, isRaised: parent >= 0 }));
    }
  }
  const rootThreshold = thresholds[trace.rootIndex] ?? '';
  const isRootUnknown = rootThreshold === '' && isUnknown;
  const probability = isRootUnknown ? null : rootThreshold === '' ? 1 : probabilityOf(rootThreshold);
  return {
    traceId: trace.traceId,
    estimate: isUnknown ? 'biased' : isEstimated ? 'estimated' : 'exact',
    weight: probability === null ? null : 1 / probability,
    probability,
    decisions,
  };
}

/** `above` is undefined for a span at the top. */
function decides(threshold: string, above: string | undefined): boolean {
  if (above === undefined) return true;
  return threshold !== '' && (above === '' || probabilityOf(threshold) < probabilityOf(above));
}

interface Decision {
  readonly threshold: string;
  /** Without a threshold, although it should have one. */
  readonly isWithout: boolean;
  readonly isRaised: boolean;
}

function decisionOf(trace: Trace, index: number, { threshold, isWithout, isRaised }: Decision): DecidingFacts {
  const service = trace.services[trace.serviceIndex[index] ?? 0] ?? '';
  const name = trace.names[index] ?? '';
  const { span } = trace.source(index);
  const attributes: Record<string, string> = {};
  for (const key of DECIDING_ATTRIBUTES) {
    const value = findAttribute(span.attributes, key);
    if (value !== undefined) attributes[key] = attributeText(value);
  }
  const probability = threshold === '' ? (isWithout ? null : 1) : probabilityOf(threshold);
  return {
    service,
    operation: name,
    spanId: trace.spanIds[index] ?? '',
    threshold,
    probability,
    // OTLP has a kind before the first one of the API.
    kind: Math.max(0, (trace.kind[index] ?? 0) - 1),
    attributes,
    text: textOf(service, name, threshold, probability, isRaised),
  };
}

function textOf(
  serviceName: string,
  name: string,
  threshold: string,
  probability: number | null,
  isRaised: boolean,
): string {
  const [service, operation] = [oneLine(serviceName), oneLine(name)];
  if (probability === null) return `${service} sampled this trace of ${operation} without reporting a probability`;
  if (threshold === '') return `${service} does not report sampling: ${operation} is assumed to be sampled at 100%`;
  if (probability === 1) return `${service} sampled every trace of ${operation}`;
  const share = `1 in ${Number((1 / probability).toPrecision(3))}`;
  return isRaised
    ? `${service} sampled ${share} traces of ${operation}, fewer than its caller`
    : `${service} sampled ${share} traces of ${operation}`;
}

function oneLine(name: string): string {
  return name.replaceAll(/\p{Cc}+/gu, ' ');
}

/** As the store reads it: the first `th` of the list member `ot`; '' where there is none, or a malformed one. */
function thresholdIn(traceState: string | undefined): string {
  return /(?:^|,)[ \t]*ot=(?:[^,;]*;)*?th:([0-9a-f]{1,14})(?:[,;]|[ \t]*$)/.exec(traceState ?? '')?.[1] ?? '';
}

/** The share of traces whose 56 random bits reach it. */
function probabilityOf(threshold: string): number {
  const range = 2n ** 56n;
  return Number(range - BigInt(`0x${threshold.padEnd(14, '0')}`)) / Number(range);
}

function statesThresholds({ resource }: SpanSource): boolean {
  return findAttribute(resource?.attributes, 'telemetry.sdk.name')?.stringValue === 'throughline';
}
