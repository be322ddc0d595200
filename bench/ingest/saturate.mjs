/** As many spans as a collector acknowledges. */
import { cpuByRole, readMetrics } from './collector.mjs';
import { send } from './senders.mjs';
import { findable, settled, stored } from './settled.mjs';
import { watchUsage } from './usage.mjs';

/**
 * What a phase leaves behind is its own: its CPU counts until all is stored, counted and merged. Its time ends when the last span is
 * stored, without the time in which the store had nothing to do because the last segment was not old enough.
 */
export async function saturate(collector, { senders, protocol, seconds, settleTimeoutMs }) {
  const before = cpuByRole(collector);
  const metricsBefore = await readMetrics(collector);
  const usage = watchUsage(collector);
  const begin = performance.now();
  const { otlpUrl, otlpGrpcAddress } = collector;
  const sent = await Promise.all(
    senders.map((sender) => send({ otlpUrl, otlpGrpcAddress, protocol, sender, connections: 16, seconds })),
  );
  const sentMs = performance.now() - begin;
  const lastTraceIds = sent.map(({ lastTraceId }) => lastTraceId);
  await findable(collector, lastTraceIds, settleTimeoutMs);
  const findableMs = performance.now() - begin;
  const { waitedMs } = await stored(collector, settleTimeoutMs);
  const elapsedMs = performance.now() - begin - waitedMs;
  const { metrics, mergesMs } = await settled(collector, settleTimeoutMs);
  const { mbHighest, collectorMbHighest, engineMbHighest } = usage.stop();
  const spans = sent.reduce((sum, { acknowledgedSpans }) => sum + acknowledgedSpans, 0);
  const since = (name) => metrics[name] - (metricsBefore[name] ?? 0);
  const usASpan = Object.fromEntries(
    Object.entries(cpuByRole(collector)).map(([role, us]) => [role, (us - before[role]) / spans]),
  );
  return {
    spans,
    statuses: sent.map(({ statuses }) => statuses),
    spansASecond: (spans / elapsedMs) * 1000,
    sentMs,
    findableAfterMs: findableMs - sentMs,
    storedAfterMs: elapsedMs - sentMs,
    waitedForAgeMs: waitedMs,
    usASpan,
    saturatedP99Ms: Math.max(...sent.map(({ p99Ms }) => p99Ms)),
    mergesMs,
    mbHighest,
    collectorMbHighest,
    engineMbHighest,
    rowsASegment: Math.round(
      since('throughline_loader_spans_total') / since('throughline_loader_inserts_total{outcome="stored"}'),
    ),
  };
}
