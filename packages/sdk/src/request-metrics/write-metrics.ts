import type { OtlpKeyValue } from '../export/format/otlp-json.ts';
import { VERSION } from '../runtime/version.ts';
import { BUCKETS_PER_OCTAVE, filledPart, SECONDS_OFFSET } from './duration-histogram.ts';
import type { OperationCounts } from './operation-counts.ts';
import { spanMetrics, type SpanMetric } from './span-metrics.ts';

/** `AggregationTemporality` of OTLP. */
const CUMULATIVE = 2;
/** Of OTLP's exponential histogram: 2³ buckets an octave. */
const SCALE = Math.log2(BUCKETS_PER_OCTAVE);
/** Where the second bucket begins. What is shorter cannot be distinguished, and counts as 0. */
const ZERO_THRESHOLD_SECONDS = 2 ** ((SECONDS_OFFSET + 1) / BUCKETS_PER_OCTAVE);

/**
 * Request metrics, taken in seconds, as an ExportMetricsServiceRequest in OTLP's JSON mapping: an exponential histogram
 * with a data point for each name, kind and status. Times are milliseconds since the epoch.
 */
export function writeMetrics(
  counts: OperationCounts,
  resource: readonly OtlpKeyValue[],
  startUnixMs: number,
  nowUnixMs: number,
): string {
  const times = { startTimeUnixNano: nanoText(startUnixMs), timeUnixNano: nanoText(nowUnixMs) };
  const exponentialHistogram = {
    aggregationTemporality: CUMULATIVE,
    dataPoints: Array.from(spanMetrics(counts), (metric) => ({ ...times, ...pointOf(metric) })),
  };
  const metrics = [{ name: 'traces.span.metrics.duration', unit: 's', exponentialHistogram }];
  const scopeMetrics = [{ scope: { name: '@throughline/sdk', version: VERSION }, metrics }];
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics }] });
}

function pointOf({ attributes, requests, durationSumNs, buckets }: SpanMetric): object {
  const [zeroCount = 0] = buckets;
  const [first, bucketCounts] = filledPart(buckets.subarray(1));
  return {
    // Half a character, which JSON would pass on, is none in UTF-8.
    attributes: Object.entries(attributes).map(([key, text]) => ({
      key,
      value: { stringValue: Buffer.from(text).toString() },
    })),
    // 64-bit integers are text.
    count: `${requests}`,
    sum: durationSumNs / 1e9,
    scale: SCALE,
    zeroCount: `${zeroCount}`,
    zeroThreshold: ZERO_THRESHOLD_SECONDS,
    positive: { offset: SECONDS_OFFSET + 1 + first, bucketCounts: bucketCounts.map(String) },
  };
}

function nanoText(unixMs: number): string {
  return `${Math.round(unixMs)}000000`;
}
