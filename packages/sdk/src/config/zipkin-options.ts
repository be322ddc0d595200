/** All are optional. */
export interface ZipkinOptions {
  /**
   * The full URL; nothing is appended. Default OTEL_EXPORTER_ZIPKIN_ENDPOINT, or `http://127.0.0.1:9411/api/v2/spans`.
   */
  readonly endpoint?: string | undefined;
  /** Timeout of one request in milliseconds, 1 to 2³¹ − 1. Default OTEL_EXPORTER_ZIPKIN_TIMEOUT, or 10,000. */
  readonly timeoutMillis?: number | undefined;
  /** Sent with every request; those of the tracer are not. Default none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}
