import type { AlertMessage } from './alert-message.ts';

/** What became of one attempt; none of it throws. `reason`: for people, without a secret. */
export type Delivery =
  | { readonly kind: 'delivered' }
  /**
   * Another attempt may succeed; `afterMs`: not earlier, as the receiver has said; `left`: of several recipients those
   * that have yet to get it.
   */
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs?: number; readonly left?: readonly string[] }
  /** Another attempt would fare no better. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Hands a message over. Never rejects. `left`: to these recipients alone, as an earlier attempt has said. */
export type Send = (message: AlertMessage, timeoutMs: number, left?: readonly string[]) => Promise<Delivery>;
