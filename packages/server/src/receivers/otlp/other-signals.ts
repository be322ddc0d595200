import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { MalformedRequestError, RequestTooLargeError, type IngestResult } from '../../columns/ingest-result.ts';
import type { OtherSignal } from './signals.ts';
import { countOf } from '../../count-of.ts';

export interface OtherSignalsOptions {
  readonly log: Logger;
  readonly registry: Registry;
}

const RECORDS: Readonly<Record<OtherSignal, readonly [one: string, many: string]>> = {
  metrics: ['data point was', 'data points were'],
  logs: ['log record was', 'log records were'],
};

const ADVICE: Readonly<Record<OtherSignal, string>> = {
  metrics: 'set OTEL_METRICS_EXPORTER=none, or send metrics elsewhere with OTEL_EXPORTER_OTLP_METRICS_ENDPOINT',
  logs: 'set OTEL_LOGS_EXPORTER=none, or send logs elsewhere with OTEL_EXPORTER_OTLP_LOGS_ENDPOINT',
};

/**
 * Metrics and logs, which SDKs send by default beside their traces. They are answered as spans that were rejected are,
 * and not as a failure, which every sender would report and repeat for ever.
 */
export class OtherSignals {
  readonly #log: Logger;
  readonly #records: Counter<'signal'>;
  #isLogged = false;

  constructor({ log, registry }: OtherSignalsOptions) {
    this.#log = log;
    this.#records = new Counter({
      name: 'throughline_unstored_records_total',
      help: 'Metric data points and log records that were received and rejected, since only traces are stored',
      labelNames: ['signal'],
      registers: [registry],
    });
    for (const signal of ['metrics', 'logs']) this.#records.inc({ signal }, 0);
  }

  /**
   * What becomes of a request whose records `count` returns, which may throw as decoders do: nothing of it is stored,
   * and it is answered as one whose spans were all rejected.
   */
  take(signal: OtherSignal, count: () => number): IngestResult {
    try {
      const records = count();
      return {
        kind: 'stored',
        acceptedSpans: 0,
        rejectedSpans: records,
        message: records === 0 ? '' : this.#reject(signal, records),
      };
    } catch (error) {
      if (error instanceof RequestTooLargeError)
        return { kind: 'tooLarge', limit: error.limit, message: error.message };
      if (error instanceof MalformedRequestError) return { kind: 'malformed', message: error.message };
      throw error;
    }
  }

  /** Returns the message for the sender. */
  #reject(signal: OtherSignal, records: number): string {
    this.#records.inc({ signal }, records);
    if (!this.#isLogged) {
      this.#isLogged = true;
      this.#log.warn(
        { signal },
        `rejected ${signal}: only traces are stored. In their sender, ${ADVICE[signal]}. ` +
          'Metrics and logs that follow are counted by throughline_unstored_records_total',
      );
    }
    return `${countOf(records, ...RECORDS[signal])} not stored: Throughline stores only traces; ${ADVICE[signal]}`;
  }
}
