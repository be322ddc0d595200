/** A body that is not taken, with the status of OTLP/HTTP's answer. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 413 | 503;
  /** For 413: which of the limits it is beyond. */
  readonly limit: 'sent' | 'decompressed';

  constructor(
    status: BodyError['status'],
    message: string,
    { limit = 'sent', ...options }: ErrorOptions & { readonly limit?: BodyError['limit'] } = {},
  ) {
    super(message, options);
    this.status = status;
    this.limit = limit;
  }
}
