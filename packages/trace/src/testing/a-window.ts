import { SpanTableBuilder, type SpanTable } from '../insight/span-table.ts';
import type { PeerKind, Vocabulary } from '../insight/vocabulary.ts';
import { SpanKind } from '../otlp.ts';

/** A span with what is below it. Times are milliseconds from the start of the trace. */
export interface CallPlan {
  readonly service: string;
  readonly name: string;
  readonly kind?: keyof typeof SpanKind;
  readonly from: number;
  readonly to: number;
  readonly instance?: string;
  readonly version?: string;
  readonly host?: string;
  readonly failure?: string;
  readonly peer?: string;
  readonly peerKind?: PeerKind;
  readonly isError?: boolean;
  readonly weight?: number;
  /** Its parent is not in the window. */
  readonly isOrphan?: boolean;
  readonly children?: readonly CallPlan[];
}

/** A window of as many traces; `planOf` makes each by its number. */
export function aWindow(vocabulary: Vocabulary, traces: number, planOf: (trace: number) => CallPlan): SpanTable {
  const builder = new SpanTableBuilder(vocabulary);
  for (let trace = 0; trace < traces; trace++) {
    const traceId = trace.toString(16).padStart(32, '0');
    const waiting: { plan: CallPlan; parentSpanId: string }[] = [{ plan: planOf(trace), parentSpanId: '' }];
    for (let at = 0; at < waiting.length; at++) {
      const { plan, parentSpanId } = waiting.at(at)!;
      const spanId = (at + 1).toString(16).padStart(16, '0');
      const { service, name, kind = 'unspecified', from, to } = plan;
      builder.add({
        traceId,
        spanId,
        parentSpanId: plan.isOrphan === true ? 'f'.repeat(16) : parentSpanId,
        service,
        name,
        kind: SpanKind[kind],
        instance: {
          id: plan.instance ?? '',
          idKey: plan.instance === undefined ? '' : 'service.instance.id',
          version: plan.version ?? '',
          host: plan.host ?? '',
        },
        startNs: from * 1e6,
        durationNs: (to - from) * 1e6,
        failure: plan.failure ?? '',
        peer: plan.peer ?? '',
        peerKind: plan.peerKind,
        isError: plan.isError ?? false,
        weight: plan.weight ?? 1,
      });
      for (const child of plan.children ?? []) waiting.push({ plan: child, parentSpanId: spanId });
    }
  }
  return builder.build();
}
