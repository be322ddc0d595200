import type { PartialAnswer } from '@throughline/trace/client';

/** What to say above what these answers show, each partial or not; null where none of them is. */
export function partialText(answers: readonly (PartialAnswer | undefined)[]): string | null {
  const partial = answers.filter((answer) => answer !== undefined);
  const worst = partial.toSorted((a, b) => b.missingShards - a.missingShards)[0];
  if (worst === undefined) return null;
  const { missingShards, shards } = worst;
  return `${missingShards} of ${shards} shards did not answer. What is shown is incomplete.`;
}
