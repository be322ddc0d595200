/** Why a request is not answered with what it asks for. Each server writes it in its own form. */
export interface Refusal {
  /** From 400. */
  readonly status: number;
  /** Stable, for programs: lower case with underscores. */
  readonly code: string;
  /** One line for people. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** 503: the same request may be sent again after the time. */
export function overloaded(message: string, retryAfterMs: number, code = 'overloaded'): Refusal {
  return { status: 503, code, message, headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } };
}
