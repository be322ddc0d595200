import { criticalNs, type Story, type Trace } from '@throughline/trace';
import type { RowLayout } from './lay-out-rows.ts';

/** The story, and a member for each span that is shown; `…Ns` and `…UnixNano` are decimal strings. */
export interface TraceJson {
  readonly story: Story;
  readonly spans: readonly {
    readonly spanId: string;
    /** Null at the top. */
    readonly parentSpanId: string | null;
    readonly service: string;
    readonly name: string;
    /** As OTLP's number. */
    readonly kind: number;
    /** The same: 2 for an error. */
    readonly statusCode: number;
    /** 0 at the top. */
    readonly depth: number;
    /** After the correction of clocks. */
    readonly startTimeUnixNano: string;
    readonly durationNs: string;
    /** How long the root waited for this span and for nothing below it. */
    readonly criticalNs: string;
  }[];
}

export function traceJson(trace: Trace, story: Story, { rows }: RowLayout): TraceJson {
  const onPathNs = criticalNs(trace);
  return {
    story,
    spans: rows
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        spanId: trace.spanIds[span]!,
        parentSpanId: trace.spanIds[trace.parentIndex[span]!] ?? null,
        service: trace.services[trace.serviceIndex[span]!]!,
        name: trace.names[span]!,
        kind: trace.kind[span]!,
        statusCode: trace.statusCode[span]!,
        depth: trace.depth[span]!,
        startTimeUnixNano: String(trace.traceStartUnixNano + BigInt(trace.startNs[span]!)),
        durationNs: String(trace.durationNs[span]!),
        criticalNs: String(onPathNs[span]!),
      })),
  };
}
