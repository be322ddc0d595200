/** What became of a request's spans. Nothing here is exceptional, so nothing throws. */
export type IngestResult =
  | {
      readonly kind: 'stored';
      readonly acceptedSpans: number;
      readonly rejectedSpans: number;
      readonly message: string;
    }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'busy'; readonly retryAfterMs: number; readonly message: string };
