import type { PartialAnswer } from '@throughline/trace/client';

/** Of an answer that lacks something; none for a whole one. */
export function partialWarnings(partial: PartialAnswer | undefined): string[] {
  if (partial === undefined) return [];
  const { missingShards, shards } = partial;
  return [`${missingShards} of ${shards} shards of the store did not answer; what is on them is missing here`];
}
