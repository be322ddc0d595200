/** The headers of an answer that lacks what is on shards of the store that did not answer; see `PartialAnswer`. */
export const MISSING_SHARDS_HEADER = 'Throughline-Missing-Shards';
export const SHARDS_HEADER = 'Throughline-Shards';
