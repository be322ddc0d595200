/** The progress of a check that was requested over the API. */
export type CheckProgress<R> =
  | { readonly state: 'running' }
  | { readonly state: 'done'; readonly report: R }
  | { readonly state: 'failed'; readonly reason: string }
  /** Another one runs. */
  | { readonly state: 'busy' };

/** Its client has gone when it has not sent a request for so long. */
const ABANDONED_MS = 15_000;

/** One check at a time, which lives as long as somebody requests its progress. */
export class RunningCheck<R> {
  readonly #run: (signal: AbortSignal, repairs: boolean) => Promise<R>;
  #name: string | null = null;
  #progress: CheckProgress<R> = { state: 'busy' };
  #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(run: (signal: AbortSignal, repairs: boolean) => Promise<R>) {
    this.#run = run;
  }

  /** Begins the check of this name, which repairs or does not, or returns its progress. */
  ask(name: string, repairs = false): CheckProgress<R> {
    if (this.#name !== name) {
      if (this.#name !== null && this.#progress.state === 'running') return { state: 'busy' };
      this.#name = name;
      this.#progress = { state: 'running' };
      void this.#start(name, repairs);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.stop(), ABANDONED_MS).unref();
    return this.#progress;
  }

  /** Ends a check that runs. */
  stop(): void {
    this.#stop.abort();
  }

  async #start(name: string, repairs: boolean): Promise<void> {
    this.#stop = new AbortController();
    let progress: CheckProgress<R>;
    try {
      progress = { state: 'done', report: await this.#run(this.#stop.signal, repairs) };
    } catch (error) {
      progress = { state: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
    if (this.#name === name) this.#progress = progress;
  }
}
