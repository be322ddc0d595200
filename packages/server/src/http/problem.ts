import type { Refusal } from './refusal.ts';
import { withoutPasswords } from '../without-passwords.ts';

/** An answer that is an error: `{error: {code, message}}` with the status. Thrown by handlers, sent by the server. */
export class Problem extends Error implements Refusal {
  override readonly name = 'Problem';
  readonly status: number;
  /** Stable, lower case with underscores. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    // What failed may name a URL, and its password with it.
    super(withoutPasswords(message));
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** What the server refuses by itself, as an error to throw. */
export function problemOf({ status, code, message, headers }: Refusal): Problem {
  return new Problem(status, code, message, headers);
}
