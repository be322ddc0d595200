/** What became of a request. */
export type PostResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      /** Where a redirect leads, as it says. */
      readonly location?: string | undefined;
      readonly body: Uint8Array;
    }
  /** No complete response: refused, reset, timed out. */
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** No connection was made: nobody listens there, or there is no way. */
      readonly isUnreachable?: boolean | undefined;
    };
