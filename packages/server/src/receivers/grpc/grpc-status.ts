import { bytesField, encodeStatus, StatusCode, varintField } from '../otlp/otlp-response.ts';

/** What a call ends with, of the codes of google.rpc.Code. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
  /** Set where the same call may be sent again; sent as google.rpc.RetryInfo. */
  readonly retryAfterMs?: number;
}

/** A call that ends before it has been taken. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly status: GrpcStatus;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = { code, message };
  }
}

/** Longer ones are cut: clients refuse trailers that are too large, and with them the status. */
const MESSAGE_CHARACTERS_MAX = 1_000;

/** Headers that clients read a status from; `google.rpc.Status` is in `grpc-status-details-bin` where it says more. */
export function statusTrailers({ code, message, retryAfterMs }: GrpcStatus): Record<string, string> {
  const shown = message.slice(0, MESSAGE_CHARACTERS_MAX);
  const trailers: Record<string, string> = { 'grpc-status': String(code) };
  if (shown !== '') trailers['grpc-message'] = percentEncoded(shown);
  if (retryAfterMs !== undefined) {
    const details = Buffer.concat([encodeStatus('protobuf', code, shown), bytesField(3, retryInfo(retryAfterMs))]);
    trailers['grpc-status-details-bin'] = details.toString('base64');
  }
  return trailers;
}

const NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'OK'],
  ...Object.entries(StatusCode).map(([name, code]): [number, string] => [
    code,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
]);

/** Such as `RESOURCE_EXHAUSTED`. */
export function statusName(code: number): string {
  return NAMES.get(code) ?? String(code);
}

/** A google.protobuf.Any of a google.rpc.RetryInfo. */
function retryInfo(retryAfterMs: number): Buffer {
  const seconds = Math.floor(retryAfterMs / 1_000);
  const nanos = Math.round((retryAfterMs % 1_000) * 1_000_000);
  const duration = Buffer.concat([varintField(1, seconds), varintField(2, nanos)]);
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  return Buffer.concat([bytesField(1, type), bytesField(2, bytesField(1, duration))]);
}

/** As gRPC wants it of `grpc-message`: UTF-8, of which printable ASCII without the percent sign stands for itself. */
function percentEncoded(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCodePoint(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
