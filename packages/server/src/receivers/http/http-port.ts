/** What a port is called, so that several may be served by one process and be told apart. */
export interface HttpPort {
  /** For the log, such as `OTLP/HTTP`. */
  readonly name: string;
  /** What the keys of its limits begin with, such as `otlpHttp`. */
  readonly limitPrefix: string;
  /** What its metrics begin with, such as `throughline_otlp_http`. */
  readonly metricPrefix: string;
  /** The flag that lists the web origins which may send to it. */
  readonly originsFlag: string;
}
