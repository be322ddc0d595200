import { JsonMetricsSerializer, type ISerializer } from '@opentelemetry/otlp-transformer';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PostResult } from '../export/transport/post-result.ts';
import { START_UNIX_MS } from '../test-support/recorded.ts';
import { answered, VirtualTime } from '../test-support/policy.ts';
import { VERSION } from '../runtime/version.ts';
import { MetricExport } from './metric-export.ts';
import { OperationCounts } from './operation-counts.ts';

const ACCEPTED = answered({});
const RESOURCE = [{ key: 'service.name', value: { stringValue: 'shop' } }];

/** A data point as OTLP's JSON mapping has it: 64-bit integers are text. */
interface Point {
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[];
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
  readonly count: string;
  readonly sum: number;
  readonly scale: number;
  readonly zeroCount: string;
  readonly zeroThreshold: number;
  readonly positive: { readonly offset: number; readonly bucketCounts: readonly string[] };
}

interface Body {
  readonly resourceMetrics: readonly {
    readonly scopeMetrics: readonly {
      readonly metrics: readonly { readonly exponentialHistogram: { readonly dataPoints: readonly Point[] } }[];
    }[];
  }[];
}

function pointsOf(body: unknown): readonly Point[] {
  const metric = (body as Body).resourceMetrics[0]?.scopeMetrics[0]?.metrics[0];
  if (metric === undefined) throw new Error('there is no metric');
  return metric.exponentialHistogram.dataPoints;
}

function pointOf(body: unknown): Point {
  const [point, ...others] = pointsOf(body);
  if (point === undefined || others.length > 0) throw new Error('there is not one point');
  return point;
}

/** An export on a virtual clock, and what it did. */
class Run {
  readonly time = new VirtualTime();
  readonly counts = new OperationCounts({ inSeconds: true });
  readonly sent: unknown[] = [];
  readonly reported: string[] = [];
  wallShiftMs = 0;
  answer: PostResult | Promise<PostResult> = ACCEPTED;
  readonly metrics = new MetricExport({
    counts: this.counts,
    clock: { wallMs: () => START_UNIX_MS + this.time.nowMs + this.wallShiftMs },
    resource: RESOURCE,
    intervalMs: 60_000,
    schedule: this.time.schedule,
    post: (body) => {
      this.sent.push(JSON.parse(body));
      return Promise.resolve(this.answer);
    },
    sent: () => this.reported.push('ok'),
    failed: (problem) => this.reported.push(problem),
  });

  /** Counts one server span. */
  end(name: string, seconds = 0.001, { status = 0, started = 'GET' } = {}): void {
    this.counts.end(this.counts.operationOf(started, 1), name, status, seconds * 1e9);
  }
}

describe('request metrics as OTLP metrics', () => {
  it('look as the metrics of the official SDK do', async () => {
    const run = new Run();
    run.time.nowMs = 5000;
    for (const seconds of [0, 0.5, 0.5, 1.5]) run.end('GET /cart', seconds, { status: 2 });
    await run.metrics.flush();
    const official = JsonMetricsSerializer as ISerializer<unknown, unknown>;
    const bytes = official.serializeRequest({
      resource: { attributes: { 'service.name': 'shop' }, asyncAttributesPending: false },
      scopeMetrics: [
        {
          scope: { name: '@throughline/sdk', version: VERSION },
          metrics: [
            {
              descriptor: { name: 'traces.span.metrics.duration', unit: 's', description: '', valueType: 1 },
              aggregationTemporality: 1,
              dataPointType: 1,
              dataPoints: [
                {
                  startTime: [START_UNIX_MS / 1000 - 0.123, 123e6],
                  endTime: [START_UNIX_MS / 1000 - 0.123 + 5, 123e6],
                  attributes: {
                    'span.name': 'GET /cart',
                    'span.kind': 'SPAN_KIND_SERVER',
                    'status.code': 'STATUS_CODE_ERROR',
                  },
                  value: {
                    count: 4,
                    sum: 2.5,
                    scale: 3,
                    zeroCount: 1,
                    // 2⁻¹ s is the upper bound of -9; log2(1.5) · 8 is 4.7.
                    positive: { offset: -9, bucketCounts: [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] },
                    negative: { offset: 0, bucketCounts: [] },
                  },
                },
              ],
            },
          ],
        },
      ],
    });
    expect(withTexts(run.sent[0])).toMatchObject(
      withTexts(JSON.parse(Buffer.from(bytes ?? []).toString())) as Record<string, unknown>,
    );
  });

  it('say all durations at any load: each lies between the bounds of the bucket that it counts in', async () => {
    const durations = fc.array(fc.double({ min: 0, max: 4000, noNaN: true }), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(durations, async (seconds) => {
        const run = new Run();
        for (const each of seconds) run.end('x', each);
        await run.metrics.flush();
        const { count, sum, scale, zeroCount, zeroThreshold, positive } = pointOf(run.sent[0]);
        expect([Number(count), scale]).toEqual([seconds.length, 3]);
        expect(sum).toBeCloseTo(
          seconds.reduce((all, each) => all + each, 0),
          6,
        );
        const rest = seconds.toSorted((a, b) => a - b);
        for (const each of rest.splice(0, Number(zeroCount))) expect(each).toBeLessThan(zeroThreshold * 1.01);
        for (const [i, text] of positive.bucketCounts.entries()) {
          for (const each of rest.splice(0, Number(text))) {
            expect(each).toBeGreaterThanOrEqual(2 ** ((positive.offset + i) / 8) * 0.99);
            expect(each).toBeLessThan(2 ** ((positive.offset + i + 1) / 8) * 1.01);
          }
        }
        expect(rest).toEqual([]);
      }),
    );
  });

  it('have one point for each name, kind and status, whatever spans started as', async () => {
    const run = new Run();
    run.end('GET /a', 1);
    run.end('GET /a', 2, { started: 'HEAD' });
    run.end('GET /a', 1, { status: 2 });
    run.end('broken \ud800', 1);
    await run.metrics.flush();
    const points = pointsOf(run.sent[0]).map(({ attributes, count, sum }) => [
      ...attributes.map(({ value }) => value.stringValue),
      count,
      sum,
    ]);
    expect(points).toEqual([
      ['GET /a', 'SPAN_KIND_SERVER', 'STATUS_CODE_UNSET', '2', 3],
      ['GET /a', 'SPAN_KIND_SERVER', 'STATUS_CODE_ERROR', '1', 1],
      ['broken \ufffd', 'SPAN_KIND_SERVER', 'STATUS_CODE_UNSET', '1', 1],
    ]);
  });

  it('go once an interval as sums since the start, and not before anything was counted', async () => {
    const run = new Run();
    await run.time.advance(60_000);
    expect(run.sent).toEqual([]);
    run.end('x');
    await run.time.advance(60_000);
    run.end('x');
    await run.time.advance(60_000);
    // Nothing new, and still the series goes on.
    await run.time.advance(60_000);
    expect(run.sent.map((body) => pointOf(body).count)).toEqual(['1', '2', '2']);
    const times = run.sent.map((body) => [pointOf(body).startTimeUnixNano, pointOf(body).timeUnixNano]);
    expect(times).toEqual([120_000, 180_000, 240_000].map((ms) => [nano(0), nano(ms)]));
  });

  it('never end before they start, where the wall clock goes back', async () => {
    const run = new Run();
    run.end('x');
    run.wallShiftMs = -3_600_000;
    await run.metrics.flush();
    expect(pointOf(run.sent[0]).timeUnixNano).toBe(nano(0));
  });

  it.each<[PostResult, RegExp]>([
    [{ kind: 'failed', message: 'refused' }, /^refused$/],
    [answered('{"code":5,"message":"no such path"}', 404), /^status 404: .*no such path/],
    [answered({ partialSuccess: { rejectedDataPoints: '1', errorMessage: 'too many' } }), /^too many$/],
  ])('that fail by %j are counted, and are in the next ones', async (answer, problem) => {
    const run = new Run();
    run.end('x');
    run.answer = answer;
    expect(await run.metrics.flush()).toBe(false);
    expect(run.reported).toEqual([expect.stringMatching(problem)]);
    // What failed is not tried for ever at the end of a process, but when somebody asks.
    expect(run.metrics.hasPending).toBe(false);
    run.answer = ACCEPTED;
    expect(await run.metrics.flush()).toBe(true);
    expect(pointOf(run.sent[1]).count).toBe('1');
    expect(run.reported.at(-1)).toBe('ok');
    expect([await run.metrics.flush(), run.sent.length]).toEqual([true, 2]);
  });

  it('are under way once at a time, however often they are asked for', async () => {
    const run = new Run();
    const answers: ((result: PostResult) => void)[] = [];
    run.answer = new Promise((resolve) => answers.push(resolve));
    run.end('x');
    const first = run.metrics.flush();
    await run.time.advance(0);
    run.end('x');
    const later = [run.metrics.flush(), run.metrics.flush(), run.metrics.flush()];
    await run.time.advance(600_000);
    expect(run.sent).toHaveLength(1);
    for (const answer of answers) answer(ACCEPTED);
    expect(await Promise.all([first, ...later])).toEqual([true, true, true, true]);
    expect(run.sent.map((body) => pointOf(body).count)).toEqual(['1', '2']);
  });

  it('stop when they are closed', async () => {
    const run = new Run();
    run.end('x');
    run.metrics.close();
    await run.time.advance(600_000);
    expect(run.sent).toEqual([]);
  });
});

function nano(afterStartMs: number): string {
  return `${START_UNIX_MS + afterStartMs}000000`;
}

/** Integers as text, which OTLP's JSON mapping takes for numbers too, and without members that are empty. */
function withTexts(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (key, value: unknown) => {
      if (['count', 'zeroCount'].includes(key)) return String(value);
      if (key === 'bucketCounts') return (value as unknown[]).map(String);
      if (key === 'negative' || key === 'description' || key === 'droppedAttributesCount') return undefined;
      return value;
    }),
  );
}
