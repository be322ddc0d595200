/** Where the tracer's own warnings go: one line of text without a line break at its end. */
export type DiagnosticLog = (line: string) => void;

export const logToStderr: DiagnosticLog = (line) => {
  process.stderr.write(`throughline: ${line}\n`);
};

/** Speaks once a change of state, so that a collector that is away for a day costs two lines. */
export class Diagnostics {
  readonly #log: DiagnosticLog;
  readonly #states = new Map<string, string>();

  constructor(log: DiagnosticLog) {
    this.#log = log;
  }

  warn(line: string): void {
    try {
      this.#log(line);
    } catch {
      // A log that fails must not reach the application through us.
    }
  }

  /** Logs `line` when `topic` was in another state before. A topic's first state is assumed to be 'ok'. */
  state(topic: string, state: string, line: string): void {
    if ((this.#states.get(topic) ?? 'ok') === state) return;
    this.#states.set(topic, state);
    this.warn(line);
  }
}
