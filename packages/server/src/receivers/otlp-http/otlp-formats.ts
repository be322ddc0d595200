import type { IngestResult } from '../../columns/ingest-result.ts';
import type { Ingest } from '../../ingest/ingest.ts';
import type { Body, BodyMemory } from '../body/body.ts';
import type { BodyDecoder } from '../decode/body-decoder.ts';
import { countJsonRecords } from '../decode/count-records.ts';
import type { BodyForm } from '../http/body-form.ts';
import type { SpanFormat } from '../http/span-format.ts';
import { OTLP_HTTP_LIMITS, type OtlpHttpLimits } from '../limits.ts';
import { decodeOtlpJson } from '../otlp-json/decode-otlp-json.ts';
import { CONTENT_TYPES, encodeStatus, encodeSuccess, statusCodeOf, type OtlpEncoding } from '../otlp/otlp-response.ts';
import type { OtherSignals } from '../otlp/other-signals.ts';
import { signalAliases, signalPath, type Signal } from '../otlp/signals.ts';

export interface OtlpFormatsOptions {
  readonly ingest: Ingest;
  readonly decoder: BodyDecoder;
  readonly otherSignals: OtherSignals;
  readonly limits?: Partial<OtlpHttpLimits>;
}

type OtlpForm = BodyForm<OtlpEncoding>;

const JSON_FORM: OtlpForm = { name: 'json', mediaTypes: [CONTENT_TYPES.json], isText: true };
const PROTOBUF_FORM: OtlpForm = {
  name: 'protobuf',
  mediaTypes: [CONTENT_TYPES.protobuf, 'application/protobuf'],
  isText: false,
};

/**
 * OTLP/HTTP: `POST /v1/traces` in protobuf and JSON, answered in the encoding of the request. Metrics and logs are
 * answered beside them, and not stored.
 */
export function otlpFormats(options: OtlpFormatsOptions): readonly [SpanFormat<OtlpForm>, ...SpanFormat<OtlpForm>[]] {
  return [otlpFormat('traces', options), otlpFormat('metrics', options), otlpFormat('logs', options)];
}

const OPERATION_IDS: Readonly<Record<Signal, string>> = {
  traces: 'sendTraces',
  metrics: 'sendMetrics',
  logs: 'sendLogs',
};

function otlpFormat(
  signal: Signal,
  { ingest, decoder, otherSignals, limits }: OtlpFormatsOptions,
): SpanFormat<OtlpForm> {
  const { jsonObjectsMax: objectsMax, jsonInlineBytesMax } = { ...OTLP_HTTP_LIMITS, ...limits };
  const decode = (body: Body, { name: encoding }: OtlpForm, memory: BodyMemory): Promise<IngestResult> => {
    if (encoding === 'protobuf') return decoder.takeProtobuf(body, signal, memory);
    if (body.length > jsonInlineBytesMax) return decoder.takeBeside(body, { encoding, signal, objectsMax });
    if (signal === 'traces') {
      return ingest.decode((block, rejected) => decodeOtlpJson(body.borrow(memory), block, rejected, objectsMax));
    }
    const result = otherSignals.take(signal, () => countJsonRecords(body.borrow(memory), signal, objectsMax));
    return Promise.resolve(result);
  };
  return {
    method: 'POST',
    path: signalPath(signal),
    operationId: OPERATION_IDS[signal],
    aliases: signalAliases(signal),
    // JSON first: what names no encoding is answered in it.
    forms: [JSON_FORM, PROTOBUF_FORM],
    isStored: signal === 'traces',
    decode,
    accept: ({ rejectedSpans, message }, { name }) => ({
      status: 200,
      contentType: CONTENT_TYPES[name],
      body: encodeSuccess(name, rejectedSpans, message, signal),
    }),
    refuse: ({ status, message, headers = {} }, { name }) => ({
      status,
      contentType: CONTENT_TYPES[name],
      body: encodeStatus(name, statusCodeOf(status), message),
      headers,
    }),
  };
}
