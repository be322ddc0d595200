import type { Random } from './random.ts';
import type { Failure, Service } from './parts.ts';

/** Fails with this probability. */
export function sometimes(random: Random, probability: number, failure: Failure): () => Failure | null {
  return () => (random.chance(probability) ? failure : null);
}

export function always(failure: Failure): () => Failure {
  return () => failure;
}

export const NO_SPACE: Failure = {
  type: 'DiskFull',
  message: 'could not extend file: No space left on device',
  status: 500,
};

export const READ_ONLY: Failure = { type: 'EROFS', message: 'read-only file system', status: 500 };

export const DEADLOCK: Failure = { type: '40P01', message: 'deadlock detected', status: 500, afterMs: 1000 };

export const BAD_CREDENTIALS: Failure = { type: '28P01', message: 'password authentication failed', status: 500 };

export const EXPIRED_CERTIFICATE: Failure = {
  type: 'CERT_HAS_EXPIRED',
  message: 'certificate has expired',
  status: 503,
};

export const UNAUTHORIZED: Failure = {
  type: '401',
  message: 'token signature is invalid',
  status: 401,
  shows: 'status',
};

export const TOO_MANY_REQUESTS: Failure = { type: '429', message: 'rate limit exceeded', status: 429, shows: 'status' };

export const UNAVAILABLE: Failure = { type: '503', message: 'service unavailable', status: 503, shows: 'status' };

export const NULL_POINTER: Failure = {
  type: 'java.lang.NullPointerException',
  message: 'Cannot invoke "Price.amount()" because "price" is null',
  status: 500,
};

/** Noted as an event, while the answer says that all is well. */
export const SWALLOWED: Failure = {
  type: 'java.lang.IllegalArgumentException',
  message: 'no enum constant Currency.EURO',
  status: 200,
  shows: 'exception',
};

export const OUT_OF_MEMORY: Failure = { type: 'ENOMEM', message: 'cannot allocate memory', status: 500 };

export const CANCELLED: Failure = { type: 'cancelled', message: 'the client has gone', status: 499 };

export const POISON: Failure = { type: 'ParseError', message: 'unexpected end of message', status: 500 };

export function usualFailure({ plan: { language } }: Service): Failure {
  const [type, message] =
    language === 'java'
      ? ['java.lang.IllegalStateException', 'unexpected state']
      : language === 'python'
        ? ['KeyError', "'items'"]
        : ['Error', 'internal error'];
  return { type, message, status: 500 };
}

export function timeoutFailure(protocol: 'http' | 'grpc', timeoutMs: number): Failure {
  return protocol === 'grpc'
    ? { type: 'DEADLINE_EXCEEDED', message: `deadline of ${Math.round(timeoutMs)} ms exceeded`, status: 504 }
    : { type: 'timeout', message: `no answer within ${Math.round(timeoutMs)} ms`, status: 504 };
}

export function refused(address: string): Failure {
  return { type: 'ECONNREFUSED', message: `connect ECONNREFUSED ${address}`, status: 503 };
}
