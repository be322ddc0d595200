/** What the collector and the engine's process say to each other over their channel. */

/** The engine's process gets it as JSON in its first argument. */
export interface EngineArguments {
  readonly directory: string;
  readonly connectionArgs: readonly string[];
  readonly querySessions: number;
  /** See `FilePages`. */
  readonly unmapIntervalMs: number;
}

/** Inserts have a session of their own, so that no query and no change to the tables stands in their way. */
export type SessionKind = 'insert' | 'fresh' | 'command' | 'query';

export type EngineRequest =
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly session: SessionKind;
      readonly sql: string;
      readonly format: string;
      /** 0 for no limit. */
      readonly timeoutMs: number;
    }
  /** End the statement with this id; it answers as one that failed. Ignored for one that has ended. */
  | { readonly kind: 'cancel'; readonly id: number }
  /** Answer at once, whatever runs. */
  | { readonly kind: 'ping' }
  /** Close the sessions and exit. */
  | { readonly kind: 'close' };

export type EngineReply =
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'pong';
      readonly residentBytes: number;
      readonly cpuSeconds: number;
      readonly unmappedBytes: number;
    }
  | { readonly kind: 'failed'; readonly code: 'not_installed' | 'unavailable'; readonly message: string }
  | { readonly kind: 'done'; readonly id: number; readonly bytes: Uint8Array }
  /** `clickhouseCode` is the engine's own number for the error, 0 where it gave none. */
  | { readonly kind: 'error'; readonly id: number; readonly clickhouseCode: number; readonly message: string };
