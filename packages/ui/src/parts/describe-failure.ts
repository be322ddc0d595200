import { ApiClientError } from '@throughline/trace/client';

/** What to say about a request that failed or was rejected. */
export function describeFailure(error: Error): {
  readonly title: string;
  readonly detail: string;
  /** Whether the same query may succeed another time. */
  readonly canChange: boolean;
} {
  if (!(error instanceof ApiClientError) || error.status === 0) {
    return {
      title: 'Cannot reach the collector',
      detail: `No response from ${location.host}. If it was stopped, start it again with “throughline up”.`,
      canChange: true,
    };
  }
  if (error.status === 503 || error.status === 504) {
    return { title: 'The collector is busy or still starting', detail: error.message, canChange: true };
  }
  if (error.status < 500) {
    return { title: 'The collector rejected the query', detail: error.message, canChange: false };
  }
  return { title: 'The collector failed', detail: error.message, canChange: true };
}
