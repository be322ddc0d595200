/** What a collector says of a request that it took: ExportTracePartialSuccess. */
export interface ExportResponse {
  readonly rejectedSpans: number;
  readonly errorMessage: string;
}

const PARTIAL_SUCCESS = 1;
const REJECTED_SPANS = 1;
const ERROR_MESSAGE = 2;
/** `google.rpc.Status.message`. */
const STATUS_MESSAGE = 2;

/** Decodes an ExportTraceServiceResponse; `undefined` when the bytes are not one. Unknown fields are passed over. */
export function decodeExportResponse(bytes: Uint8Array): ExportResponse | undefined {
  let rejectedSpans = 0;
  let errorMessage = '';
  const isWhole = readFields(bytes, (field, value) => {
    if (field !== PARTIAL_SUCCESS || typeof value === 'number') return true;
    return readFields(value, (inner, innerValue) => {
      if (inner === REJECTED_SPANS && typeof innerValue === 'number') rejectedSpans = innerValue;
      if (inner === ERROR_MESSAGE && typeof innerValue !== 'number') errorMessage = textOf(innerValue);
      return true;
    });
  });
  return isWhole ? { rejectedSpans, errorMessage } : undefined;
}

/** The message of a google.rpc.Status, or of any short text; '' when there is neither. */
export function decodeErrorMessage(bytes: Uint8Array): string {
  let message = '';
  const isStatus = readFields(bytes, (field, value) => {
    if (field === STATUS_MESSAGE && typeof value !== 'number') message = textOf(value);
    return true;
  });
  return isStatus && message !== '' ? message : textOf(bytes);
}

type FieldReader = (field: number, value: number | Uint8Array) => boolean;

/** Walks the fields of a message; answers false when it is malformed or the reader refuses a field. */
function readFields(bytes: Uint8Array, read: FieldReader): boolean {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[position++];
      if (byte === undefined) return NaN;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return NaN;
  };
  while (position < bytes.length) {
    const tag = varint();
    const wireType = tag % 8;
    let value: number | Uint8Array = 0;
    if (wireType === 0) value = varint();
    else if (wireType === 1) position += 8;
    else if (wireType === 5) position += 4;
    else if (wireType === 2) {
      const length = varint();
      value = bytes.subarray(position, position + length);
      position += length;
    } else return false;
    if (Number.isNaN(value) || !(position <= bytes.length) || tag < 8) return false;
    if (!read(Math.floor(tag / 8), value)) return false;
  }
  return true;
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
