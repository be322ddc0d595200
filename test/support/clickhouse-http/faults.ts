import type { KnownCode } from './exception.ts';

/** What a test makes the server do wrong; each holds until it is set back. */
export interface Faults {
  /** Statements that are answered with an error and not carried out: a quota (201), a read-only table (242), no memory (241). */
  refuse: { readonly code: KnownCode; readonly message: string; readonly of?: (sql: string) => boolean } | null;
  /** A proxy stands in front, and this is what it says. Nothing reaches the server. */
  proxy: { readonly status: number; readonly body?: string; readonly contentType?: string } | null;
  /** Answers break off after so many bytes of them. The statement has been carried out as far as it was. */
  breakResponse: BrokenResponse | null;
  /** Statements that are carried out, and the connection is closed before a byte of the answer. */
  loseResponse: (sql: string) => boolean;
  /** Statements that are not carried out: the connection is closed when the request is there. */
  loseRequest: (sql: string) => boolean;
  /** So many requests on a connection that was kept alive meet its end, as where the server has just closed it. */
  closeReused: number;
  /** Statements wait for it before they begin. */
  hold: ((sql: string) => Promise<unknown>) | null;
}

/**
 * `tagged`: the block of ClickHouse 25.11 and later, and the connection ends without the last chunk. `text`: the plain
 * text of an older one in a body that looks whole. `cut`: the connection ends, and nobody says why.
 */
export interface BrokenResponse {
  readonly how: 'tagged' | 'text' | 'cut';
  readonly afterBytes: number;
  readonly code: KnownCode;
  readonly message: string;
}

export function noFaults(): Faults {
  return {
    refuse: null,
    proxy: null,
    breakResponse: null,
    loseResponse: () => false,
    loseRequest: () => false,
    closeReused: 0,
    hold: null,
  };
}
