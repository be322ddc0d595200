import { types } from 'node:util';
import { property } from './property.ts';

const nothing = (): void => undefined;

/**
 * Takes the rejection of what a function of the application's returned where no promise is expected: an async function
 * rejects where others throw, and a rejection that is nobody's ends the process. Never throws.
 */
export function catchRejection(answer: unknown, failed: (error: unknown) => void = nothing): void {
  if ((typeof answer !== 'object' && typeof answer !== 'function') || answer === null) return;
  try {
    if (types.isPromise(answer)) Promise.prototype.then.call(answer, undefined, failed).then(undefined, nothing);
    else if (typeof property(answer, 'then') === 'function') (answer as PromiseLike<unknown>).then(nothing, failed);
  } catch {
    // A thenable that throws has nothing that could be rejected.
  }
}
