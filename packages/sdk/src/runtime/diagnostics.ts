import { catchRejection } from './catch-rejection.ts';

/** Where the tracer's own warnings go: one line of text without a line break at its end. */
export type DiagnosticLog = (line: string) => void;

export const logToStderr: DiagnosticLog = (line) => {
  process.stderr.write(`throughline: ${line}\n`);
};

/** The quietest first. */
export const LOG_LEVELS = ['none', 'error', 'warn', 'info', 'debug', 'verbose', 'all'] as const;

/**
 * OpenTelemetry's log levels. The SDK logs lost spans as `error`, wrong settings as `warn` and recoveries as `info`;
 * `debug`, `verbose` and `all` add nothing of its own. A level that is set holds for OpenTelemetry's `diag` too.
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
 */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Speaks once a change of state, so that a collector that is unreachable for a day costs two lines. */
export class Diagnostics {
  readonly #log: DiagnosticLog;
  readonly #level: number;
  readonly #states = new Map<string, string>();

  constructor(log: DiagnosticLog, level: LogLevel = 'info') {
    this.#log = log;
    this.#level = LOG_LEVELS.indexOf(level);
  }

  /** The same log, with states of its own: of two exporters one may fail while the other does not. */
  apart(): Diagnostics {
    return new Diagnostics(this.#log, LOG_LEVELS[this.#level]);
  }

  warn(line: string): void {
    this.#say('warn', line);
  }

  /** Logs `line` as a warning the first time that it is called for `topic`. */
  once(topic: string, line: string): void {
    if (this.#states.has(topic)) return;
    this.#states.set(topic, 'warned');
    this.#say('warn', line);
  }

  #say(level: LogLevel, line: string): void {
    if (LOG_LEVELS.indexOf(level) > this.#level) return;
    try {
      catchRejection(this.#log(line));
    } catch {
      // A log that fails must not reach the application through us.
    }
  }

  /** Logs `line` when `topic` was in another state before. A topic's first state is assumed to be 'ok'. */
  state(topic: string, state: string, line: string): void {
    if ((this.#states.get(topic) ?? 'ok') === state) return;
    this.#states.set(topic, state);
    this.#say(state === 'ok' ? 'info' : 'error', line);
  }
}
