import { dependencyKind, inferredDependency } from '../analysis/inferred-dependency.ts';
import { attributeText, findAttribute } from '../attributes.ts';
import { SpanKind, StatusCode } from '../otlp.ts';
import type { Trace } from '../tree/trace.ts';
import { SpanTableBuilder, type SpanTable } from './span-table.ts';
import { Vocabulary } from './vocabulary.ts';

/** The spans of traces in columns, for what looks at many of them. Each counts as one, whatever its sampling. */
export function tableOfTraces(traces: Iterable<Trace>): SpanTable {
  const builder = new SpanTableBuilder(new Vocabulary());
  let base: bigint | null = null;
  for (const trace of traces) {
    base ??= trace.traceStartUnixNano;
    addTrace(builder, trace, Number(trace.traceStartUnixNano - base));
  }
  return builder.build();
}

function addTrace(builder: SpanTableBuilder, trace: Trace, startNs: number): void {
  for (let index = 0; index < trace.spanCount; index++) {
    const { span, resource } = trace.source(index);
    const kind = trace.kind[index]!;
    const isCall = kind === SpanKind.client || kind === SpanKind.producer;
    const parent = trace.parentIndex[index]!;
    const isOrphan = parent < 0 && (span.parentSpanId ?? '') !== '';
    const id = attributeText(findAttribute(resource?.attributes, 'service.instance.id'));
    builder.add({
      traceId: trace.traceId,
      // Spans may share an ID; their places differ.
      spanId: String(index),
      parentSpanId: parent >= 0 ? String(parent) : isOrphan ? 'missing' : '',
      service: trace.services[trace.serviceIndex[index]!] ?? '',
      name: trace.names[index]!,
      kind,
      instance: {
        id,
        idKey: id === '' ? '' : 'service.instance.id',
        version: attributeText(findAttribute(resource?.attributes, 'service.version')),
        host: attributeText(findAttribute(resource?.attributes, 'host.name')),
      },
      startNs: startNs + trace.startNs[index]!,
      durationNs: trace.durationNs[index]!,
      failure: '',
      peer: isCall ? (inferredDependency(span) ?? '') : '',
      peerKind: isCall ? dependencyKind(span) : undefined,
      isError: trace.statusCode[index] === StatusCode.error,
    });
  }
}
