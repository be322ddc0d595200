import { criticalNs } from '../analysis/critical-path.ts';
import { likeWork } from '../analysis/like-calls.ts';
import { Numbers } from '../analysis/numbers.ts';
import { StatusCode } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';

/** What a trace does and how long, by path: the chain of (service, name, kind) from the top. */
export interface TraceProfile {
  /** Of its root; 0 for a trace without spans. */
  readonly durationNs: number;
  /** By the path's number, which is the same in all profiles of one `TraceProfiles`. */
  readonly paths: ReadonlyMap<number, PathUse>;
}

/** The calls of one path in one trace. */
export interface PathUse {
  calls: number;
  /** Those with status ERROR. */
  failedCalls: number;
  /** How long the root waited for them, and for nothing below them. */
  criticalNs: number;
}

/** Profiles of traces that are compared with each other. */
export class TraceProfiles {
  readonly #numbers = new Numbers();
  readonly #names = new Map<number, string>();

  /** n log n in the number of spans. */
  of(trace: Trace): TraceProfile {
    const onPathNs = criticalNs(trace);
    const paths = new Map<number, PathUse>();
    const pathOf = new Int32Array(trace.spanCount);
    // A parent comes before its children.
    for (let span = 0; span < trace.spanCount; span++) {
      const parent = trace.parentIndex[span]!;
      const service = trace.services[trace.serviceIndex[span]!]!;
      const work = this.#numbers.of(JSON.stringify([trace.kind[span], service, likeWork(trace, span)]));
      const path = this.#numbers.ofPair(parent < 0 ? 0 : pathOf[parent]!, work);
      pathOf[span] = path;
      let use = paths.get(path);
      if (use === undefined) {
        paths.set(path, (use = { calls: 0, failedCalls: 0, criticalNs: 0 }));
        if (!this.#names.has(path)) this.#names.set(path, `${service} ${trace.names[span]!}`);
      }
      use.calls++;
      if (trace.statusCode[span] === StatusCode.error) use.failedCalls++;
      use.criticalNs += onPathNs[span]!;
    }
    return { durationNs: trace.durationNs[trace.rootIndex] ?? 0, paths };
  }

  /** Service and name of the first span that was seen of a path. */
  nameOf(path: number): string {
    return this.#names.get(path) ?? '';
  }
}
