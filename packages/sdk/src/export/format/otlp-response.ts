import { eachField, ProtobufReader } from './protobuf-reader.ts';

/** What a collector says of a request that it took: ExportTracePartialSuccess. */
export interface ExportResponse {
  readonly rejectedSpans: number;
  readonly errorMessage: string;
}

/** Tags: field number · 8 + wire type. A known field of another wire type is passed over. */
const PARTIAL_SUCCESS = 0x0a;
const REJECTED_SPANS = 0x08;
const ERROR_MESSAGE = 0x12;
/** `google.rpc.Status.message`. */
const STATUS_MESSAGE = 0x12;

/** Decodes an ExportTraceServiceResponse; `undefined` when the bytes are not one. Unknown fields are passed over. */
export function decodeExportResponse(bytes: Uint8Array): ExportResponse | undefined {
  let rejectedSpans = 0;
  let errorMessage = '';
  try {
    eachField(new ProtobufReader(bytes), (_, reader) => {
      if (reader.tag !== PARTIAL_SUCCESS) return reader.skip();
      eachField(reader.message(), (__, inner) => {
        if (inner.tag === REJECTED_SPANS) rejectedSpans = inner.uint();
        else if (inner.tag === ERROR_MESSAGE) errorMessage = textOf(inner.bytes());
        else inner.skip();
      });
    });
  } catch {
    return undefined;
  }
  return { rejectedSpans, errorMessage };
}

/** The message of a google.rpc.Status, or of any short text; '' when there is neither. */
export function decodeErrorMessage(bytes: Uint8Array): string {
  let message = '';
  try {
    eachField(new ProtobufReader(bytes), (_, reader) => {
      if (reader.tag === STATUS_MESSAGE) message = textOf(reader.bytes());
      else reader.skip();
    });
  } catch {
    message = '';
  }
  return message || textOf(bytes);
}

const SHOWN_CHARACTERS_MAX = 200;

/** Text from elsewhere that is going to a terminal: short, on one line, without control characters. */
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'utf8',
    0,
    4 * SHOWN_CHARACTERS_MAX,
  );
  return shortText(text);
}

/** The same for text from a header. */
export function shortText(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, SHOWN_CHARACTERS_MAX);
}
