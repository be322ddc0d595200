/** A body that is not taken, with the status of OTLP/HTTP's answer. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 413 | 503;
  /** For 413: which of a receiver's limits it is beyond; null where it is another one, which is counted already. */
  readonly limit: 'sent' | 'decompressed' | null;

  constructor(
    status: BodyError['status'],
    message: string,
    { limit = null, ...options }: ErrorOptions & { readonly limit?: BodyError['limit'] } = {},
  ) {
    super(message, options);
    this.status = status;
    this.limit = limit;
  }
}

/** Its sender has gone while it waited, and with it the reason to answer. */
export class SenderGoneError extends Error {
  override readonly name = 'SenderGoneError';
}
