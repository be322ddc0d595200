import { attributeSet, type Attributes } from '../span/attributes.ts';
import type { Clock } from '../span/clock.ts';
import { Diagnostics } from '../runtime/diagnostics.ts';
import { OtlpEncoder } from '../export/encode/otlp-encoder.ts';
import type { IdGenerator } from '../span/random-batch.ts';
import { DEFAULT_SPAN_LIMITS, type SpanLimits } from '../span/span-limits.ts';
import { LiveSpans } from '../recording/live-spans.ts';
import { newScope } from '../opentelemetry/adapters.ts';
import { Sampler, type SamplerOptions } from '../sampling/sampler.ts';
import { SpanRecorder } from '../recording/span-recorder.ts';
import { TracerCounters } from '../runtime/tracer-stats.ts';
import { readRequest, type ReadSpan } from './otlp-reader.ts';

export const START_UNIX_MS = 1_700_000_000_123;

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  readonly timeOriginUnixMs = START_UNIX_MS;
  nowMs = 0;
  wallShiftMs = 0;
  monotonicMs(): number {
    return this.nowMs;
  }
  wallMs(): number {
    return Math.floor(START_UNIX_MS + this.nowMs + this.wallShiftMs);
  }
}

/** Ids that repeat from run to run: a linear congruential generator. */
export function seededIds(seed = 1): IdGenerator {
  let state = seed;
  return {
    int32() {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return state ^ (state >>> 13);
    },
  };
}

export interface Recorded {
  readonly recorder: SpanRecorder;
  readonly clock: TestClock;
  readonly counters: TracerCounters;
  readonly encoder: OtlpEncoder;
  /** The spans that have ended since the last call, through the bytes that would be sent. */
  readonly read: () => ReadSpan[];
}

export const TEST_SCOPE = newScope('test-scope', '1.2.3', 'https://example.com/schema');

/** A recorder whose spans end as bytes that a foreign reader decodes. */
export function newRecorded(
  limits: Partial<SpanLimits> = {},
  sampler: SamplerOptions = { ratio: 1, parentBased: true },
  resource: Attributes = { 'service.name': 'test' },
): Recorded {
  const allLimits = { ...DEFAULT_SPAN_LIMITS, ...limits };
  const counters = new TracerCounters();
  const clock = new TestClock();
  const resourceSet = attributeSet(resource, Infinity, allLimits);
  const encoder = new OtlpEncoder({
    resource: resourceSet,
    chunkBytes: 4096,
    spanBytesLimit: allLimits.spanBytesLimit,
  });
  const recorder = new SpanRecorder({
    ids: seededIds(),
    clock,
    sampler: new Sampler(sampler),
    limits: allLimits,
    counters,
    liveSpans: new LiveSpans({
      liveSpanLimit: allLimits.liveSpanLimit,
      reportUnended: false,
      counters,
      diagnostics: new Diagnostics(() => undefined),
    }),
    sink: { add: (span) => void (encoder.add(span) || counters.strippedSpans++) },
    resource: resourceSet,
    enabled: true,
  });
  const read = (): ReadSpan[] => {
    const chunk = encoder.take();
    return chunk === undefined ? [] : readRequest(chunk.bytes);
  };
  return { recorder, clock, counters, encoder, read };
}
