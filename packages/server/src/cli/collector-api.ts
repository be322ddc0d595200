import { ApiClient, ApiClientError, type PartialAnswer } from '@throughline/trace/client';
import { withoutPasswords } from '../without-passwords.ts';
import { CommandError } from './command-error.ts';
import { safeText } from '../terminal/safe-text.ts';
import type { TerminalOptions } from './terminal-options.ts';

/** Asks a collector; what it does not know, or that it is not there, is said with the next step. */
export class CollectorApi {
  readonly client: ApiClient;
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;

  /** Its time begins now. */
  constructor({ url, timeoutMs }: Pick<TerminalOptions, 'url' | 'timeoutMs'>) {
    this.client = new ApiClient(url);
    this.url = url;
    this.#timeoutMs = timeoutMs;
    this.#signal = AbortSignal.timeout(timeoutMs);
  }

  /** Throws `CommandError`. */
  async ask<T>(ask: (client: ApiClient, options: { readonly signal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await ask(this.client, { signal: this.#signal });
    } catch (error) {
      throw new CommandError(this.#reason(error));
    }
  }

  #reason(error: unknown): string {
    const shown = withoutPasswords(this.url);
    if (this.#signal.aborted)
      return `${shown} did not answer within ${this.#timeoutMs / 1_000} s; --timeout waits longer`;
    if (!(error instanceof ApiClientError)) throw error;
    const message = safeText(withoutPasswords(error.message));
    if (error.code === 'unreachable') {
      return `no collector responds at ${shown}; start one with throughline up, or name another with --url`;
    }
    if (error.code === 'trace_not_found') return `${message}; throughline search lists what is stored at ${shown}`;
    if (error.code === 'invalid_response') return `${message}; --url must name the UI and API port of a collector`;
    return message;
  }
}

/** Of an answer that lacks something; none for a whole one. */
export function partialWarnings(partial: PartialAnswer | undefined): string[] {
  if (partial === undefined) return [];
  const { missingShards, shards } = partial;
  return [`${missingShards} of ${shards} shards of the store did not answer; what is on them is missing here`];
}
