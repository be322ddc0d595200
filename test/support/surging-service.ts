import { remote, Tracer } from '../../packages/sdk/dist/index.js';

/** Requests a second. */
export const CALM = 20;
export const SURGE = 100 * CALM;
/** Spans a second that each process may record, whatever the collector says. */
export const LIMIT = 200;

/**
 * Requests that a busy machine kept from arriving do not all arrive at once when it has time again: what few of such a wave are kept say
 * little of how many there were.
 */
const LATE_MS_MAX = 100;

/** A service whose traces are a request and a query, and that knows how many there were. */
export class SurgingService {
  readonly name: string;
  readonly tracer: Tracer;
  perSecond = CALM;
  isFailing = false;
  done = 0;
  failed = 0;
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #atMs = performance.now();

  constructor(service: string, endpoint: string) {
    this.name = service;
    this.tracer = new Tracer({
      service,
      endpoint,
      sampling: remote({ intervalMillis: 1000, sampling: 1, spansPerSecond: LIMIT }),
      register: false,
      flushOnExit: false,
      log: () => undefined,
    });
    this.#timer = setInterval(() => this.#work(), 10);
  }

  /** What was counted last is told now. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.tracer.shutdown();
  }

  #work(): void {
    const nowMs = performance.now();
    this.#due += (Math.min(LATE_MS_MAX, nowMs - this.#atMs) / 1000) * this.perSecond;
    this.#atMs = nowMs;
    for (; this.#due >= 1; this.#due--) {
      const request = this.tracer.startSpan('buy', { root: true });
      this.tracer.startSpan('query', { parent: request }).end();
      if (this.isFailing && this.done % 20 === 0) {
        request.setStatus({ code: 2 });
        this.failed++;
      }
      request.end();
      this.done++;
    }
  }
}
