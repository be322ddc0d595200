import { ApiClient, ApiClientError } from '@throughline/trace/client';
import { withoutPasswords } from '../without-passwords.ts';
import { CommandError } from './command-error.ts';
import { safeText } from '../terminal/safe-text.ts';
import type { TerminalOptions } from './terminal-options.ts';

/** Asks a collector; what it does not know, or that it is not there, is said with the next step. */
export class CollectorApi {
  readonly client: ApiClient;
  /** Without user and password. */
  readonly url: string;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal;

  /** Its time begins now. */
  constructor({ url, timeoutMs }: Pick<TerminalOptions, 'url' | 'timeoutMs'>) {
    const { bare, headers } = withoutCredentials(url);
    this.client = new ApiClient(bare, {
      fetch: (address, init) => fetch(address, { ...init, headers: { ...Object(init?.headers), ...headers } }),
    });
    this.url = bare;
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
    const shown = this.url;
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

/** A URL with a password is for people: `fetch` takes the password in a header only. */
function withoutCredentials(url: string): {
  readonly bare: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const parsed = new URL(url);
  const { username, password } = parsed;
  if (username === '' && password === '') return { bare: url, headers: {} };
  parsed.username = '';
  parsed.password = '';
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { bare: parsed.href.replace(/\/+$/, ''), headers: { authorization: `Basic ${credentials}` } };
}

/** A percent sign may be meant as one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
