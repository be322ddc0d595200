import type { IngestResult } from '../../columns/ingest-result.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import { overloaded, type Refusal } from '../../http/refusal.ts';
import type { LimitCounter } from '../../limit-counter.ts';
import type { BodyMemory } from '../body/body.ts';
import type { HttpReceiverLimits } from '../limits.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpReceiverMetrics } from './http-receiver-metrics.ts';
import type { SpanFormat, StoredResult } from './span-format.ts';

export interface SpanEndpointOptions {
  readonly ingest: Pick<Ingest, 'admit' | 'once'>;
  readonly memory: BodyMemory;
  readonly limits: Pick<HttpReceiverLimits, 'bodyBytesMax' | 'decompressedBytesMax'>;
  readonly limitCounter: LimitCounter;
  /** Counts a limit of the port. */
  readonly onLimit: (limit: keyof HttpReceiverLimits) => void;
  readonly metrics: HttpReceiverMetrics;
}

/** Spans in a format, at its path. */
export function spanEndpoint(
  format: SpanFormat,
  { ingest, memory, limits, limitCounter, onLimit, metrics }: SpanEndpointOptions,
): Endpoint {
  const { method, path, aliases = [], forms, isStored } = format;
  const [firstForm] = forms;
  return {
    method,
    path,
    aliases,
    forms,
    isForPages: true,
    bodyBytesMax: limits.bodyBytesMax,
    decompressedBytesMax: limits.decompressedBytesMax,
    countTooLarge: (limit) => onLimit(limit === 'sent' ? 'bodyBytesMax' : 'decompressedBytesMax'),
    busyBecause: () => (isStored ? ingest.admit() : null),
    take: async (body, { form: given }) => {
      const form = given ?? firstForm;
      metrics.bodyBytes.inc(body.length);
      const decode = (): Promise<IngestResult> => format.decode(body, form, memory);
      const result = isStored ? await ingest.once(body.parts, decode) : await decode();
      if (result.kind === 'stored') return format.accept(result, form);
      if (result.kind === 'tooLarge') limitCounter.reached(result.limit);
      return format.refuse(refusalOf(result), form);
    },
    refuse: (refusal, form) => format.refuse(refusal, form ?? firstForm),
  };
}

function refusalOf(result: Exclude<IngestResult, StoredResult>): Refusal {
  const { kind, message } = result;
  switch (kind) {
    case 'malformed':
      return { status: 400, code: 'malformed', message };
    case 'tooLarge':
      return { status: 413, code: 'too_large', message };
    case 'failed':
      return { status: 500, code: 'internal', message };
    default:
      return overloaded(message, result.retryAfterMs);
  }
}
