import { MalformedRequestError } from '../../columns/ingest-result.ts';
import { parseJson, type JsonObject } from '../otlp-json/json-object.ts';
import { checkObjectCount } from '../otlp-json/check-object-count.ts';
import { decodeMessage, MalformedProtobufError, ProtobufReader } from '../otlp/protobuf-reader.ts';
import type { OtherSignal } from '../otlp/signals.ts';

/**
 * The tags that lead to the records of a request, message by message: of ExportMetricsServiceRequest by way of gauge,
 * sum, histogram, exponential histogram and summary to their data points, of ExportLogsServiceRequest to its log
 * records.
 */
const PROTOBUF_PATHS: Readonly<Record<OtherSignal, readonly (readonly number[])[]>> = {
  metrics: [[0x0a], [0x12], [0x12], [0x2a, 0x3a, 0x4a, 0x52, 0x5a], [0x0a]],
  logs: [[0x0a], [0x12], [0x12]],
};

/**
 * How many data points or log records a protobuf request has. Their fields are read over, and not what is in them.
 * Throws `MalformedRequestError`, and `TooLongHereError` as `decodeOtlp` does.
 */
export function countProtobufRecords(bytes: Uint8Array, signal: OtherSignal, messagesMax?: number): number {
  const reader = new ProtobufReader(bytes, messagesMax);
  const path = PROTOBUF_PATHS[signal];
  let records = 0;
  const read = (level: number): void => {
    const tags = path[level];
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tags?.includes(tag) === true) {
        if (level === path.length - 1) records += 1;
        decodeMessage(reader, () => read(level + 1));
      } else reader.skip(tag);
    }
  };
  try {
    read(0);
  } catch (error) {
    if (!(error instanceof MalformedProtobufError)) throw error;
    throw new MalformedRequestError(`malformed protobuf at byte ${error.offset}: ${error.message}`, { cause: error });
  }
  return records;
}

const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'];

/** The same of a request in JSON. Throws `MalformedRequestError` and `RequestTooLargeError`. */
export function countJsonRecords(sent: Uint8Array, signal: OtherSignal, objectsMax: number): number {
  const hasMark = sent[0] === 0xef && sent[1] === 0xbb && sent[2] === 0xbf;
  const body = hasMark ? sent.subarray(3) : sent;
  checkObjectCount(body, objectsMax);
  return signal === 'metrics' ? countDataPoints(parseJson(body)) : countLogRecords(parseJson(body));
}

function countDataPoints(request: JsonObject): number {
  let records = 0;
  for (const resource of request.objects('resourceMetrics')) {
    for (const scope of resource.objects('scopeMetrics')) {
      for (const metric of scope.objects('metrics')) {
        for (const data of DATA) records += count(metric.object(data), 'dataPoints');
      }
    }
  }
  return records;
}

function countLogRecords(request: JsonObject): number {
  let records = 0;
  for (const resource of request.objects('resourceLogs')) {
    for (const scope of resource.objects('scopeLogs')) records += count(scope, 'logRecords');
  }
  return records;
}

function count(owner: JsonObject | null, name: string): number {
  let items = 0;
  if (owner !== null) for (const _ of owner.objects(name)) items += 1;
  return items;
}
