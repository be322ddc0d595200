import type { PostResult } from '../export/transport/post-result.ts';
import { RandomBatch } from '../span/random-batch.ts';
import { newTrace, type LocalTrace } from '../span/local-trace.ts';
import { asPolicy } from '../sampling/policies/as-policy.ts';
import { OperationCounts } from '../request-metrics/operation-counts.ts';
import { SampledTraces, PolicySampler } from '../sampling/policy-sampler.ts';
import type { PolicyContext, Sampling } from '../sampling/policy.ts';
import { seededIds } from './recorded.ts';

/** Time that passes only by `advance`, with the timers that fall due in it. */
export class VirtualTime {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly fn: () => void }[] = [];

  monotonicMs = (): number => this.nowMs;

  schedule = (fn: () => void, delayMs: number): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  };

  /** Lets timers fall due in their order, and what they promised come true. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const due = this.#timers.filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.fn();
      await settled();
    }
    this.nowMs = untilMs;
  }
}

/** When every promise that is resolved has been followed up. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export interface PolicyRun {
  readonly time: VirtualTime;
  readonly counts: OperationCounts;
  readonly failures: string[];
  /** What the policy has sent, parsed. */
  readonly sent: unknown[];
  /** What the collector answers next, and from then on. */
  answer: PostResult;
  recordedSpans: number;
  /** Above a strict limit. */
  excessSpans: number;
  readonly context: PolicyContext;
  /** Decides a new trace, or the given one, as one with a caller. */
  decide(name?: string, given?: { kind?: number; attributes?: unknown; callers?: LocalTrace }): LocalTrace;
  /** As a tracer that shuts down. */
  close(): Promise<void>;
}

/** A policy at work, on a virtual clock and with ids that repeat. */
export function runPolicy(sampling: Sampling, seed = 1): PolicyRun {
  const time = new VirtualTime();
  const counts = new OperationCounts();
  const kept = new SampledTraces();
  const random = new RandomBatch(seededIds(seed));
  const failures: string[] = [];
  const sent: unknown[] = [];
  const atEnd: (() => Promise<void> | void)[] = [];
  const context: PolicyContext = {
    service: 'shop',
    clock: time,
    random: () => 0.5,
    schedule: time.schedule,
    recorded: {
      get sampledTraces() {
        return kept.count;
      },
      get sampledSpans() {
        return run.recordedSpans;
      },
    },
    counts: () => counts,
    post: (body) => {
      sent.push(JSON.parse(body));
      return Promise.resolve(run.answer);
    },
    atEnd: (fn) => void atEnd.push(fn),
    exceeded: (spans) => void (run.excessSpans += spans),
    failed: (_topic, message) => void failures.push(message),
  };
  const run: PolicyRun = {
    time,
    counts,
    failures,
    sent,
    context,
    answer: { kind: 'failed', message: 'nobody there' },
    recordedSpans: 0,
    excessSpans: 0,
    decide(name = 'GET', { kind = 1, attributes, callers } = {}) {
      const trace = callers ?? newTrace(random);
      sampler.decide(trace, callers !== undefined, name, kind, attributes);
      if (trace.sampled) run.recordedSpans++;
      return trace;
    },
    async close() {
      await Promise.all(atEnd.map(async (fn) => await fn()));
    },
  };
  const sampler = new PolicySampler(asPolicy('sampling', sampling), context, kept);
  return run;
}

/** The collector's answer with a JSON body. */
export function answered(body: unknown, status = 200): PostResult {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'answered', status, retryAfterMs: undefined, body: Buffer.from(text) };
}
