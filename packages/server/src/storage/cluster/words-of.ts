import { storeAdvice } from '../insert-failure.ts';

/** A problem on one line, with what to do about it where that is known. */
export function wordsOf(problem: unknown): string {
  const text = problem instanceof Error ? problem.message : String(problem);
  const advice = storeAdvice(problem);
  return text.replaceAll(/\s+/g, ' ').trim() + (advice === null ? '' : `; ${advice}`);
}
