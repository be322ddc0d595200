import type { AlertMessage } from './alert-message.ts';

/** What became of one attempt; none of it throws. `reason`: for people, without a secret. */
export type Delivery =
  | { readonly kind: 'delivered' }
  /** Another attempt may succeed; `afterMs`: not earlier, as the receiver has said. */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number }
  /** Another attempt would fare no better. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Hands a message over. Never rejects. */
export type Send = (message: AlertMessage, timeoutMs: number) => Promise<Delivery>;
