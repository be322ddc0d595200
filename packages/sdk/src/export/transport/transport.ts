/**
 * A `Uint8Array` in memory of its own, in a form that `fetch` takes by the types of TypeScript 5.7 and newer, and that
 * older versions know.
 */
type Bytes = ReturnType<Uint8ArrayConstructor['from']>;

/** A request to a collector. */
export interface TransportRequest {
  /** The whole URL, without user and password: they are an `authorization` header. */
  readonly url: string;
  readonly method: 'POST';
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Compressed already, where `compression` says so. It belongs to the transport. */
  readonly body: Bytes;
}

/** What a collector responded. A `Response` of `fetch` is one, too. */
export type TransportResponse =
  | {
      readonly status: number;
      /** Retry-After, Location, Content-Type and Content-Encoding are read; names in lower case. */
      readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
      readonly body?: Uint8Array | undefined;
    }
  | {
      readonly status: number;
      readonly headers: { get(name: string): string | null };
      arrayBuffer(): Promise<ArrayBuffer>;
    };

/**
 * Carries requests to the collector in place of the SDK's own HTTP client. Batches, compression, retries, timeouts and
 * limits stay the SDK's.
 * @example
 * new Tracer({ transport: { send: ({ url, ...request }, signal) => fetch(url, { ...request, signal }) } });
 */
export interface Transport {
  /**
   * Sends one request. Resolves with any response, whatever its status; rejects where there was none, and the SDK tries
   * again. Up to `exportConcurrency` are under way at once. What it does is not traced.
   * @param signal - Aborts when `exportTimeoutMillis` is over, or the tracer closes.
   */
  send(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /**
   * Sends requests while the process is blocked, in at most `timeoutMillis`: for `process.exit()`, after which
   * nothing asynchronous happens any more. Returns their statuses, 0 where there was no response. Without this method
   * what waits then is dropped and counted.
   */
  sendBlocking?(requests: readonly TransportRequest[], timeoutMillis: number): readonly number[];
  /** Called once, when the tracer has shut down. */
  close?(): void;
}
