import { tellStory, traceFromOtlp, type Story } from '@throughline/trace';
import type { StoredTrace } from './trace.ts';

/** The story of what was read of a trace, which says so where more is stored. */
export function storyOf({ data, truncated, storedSpanCount }: StoredTrace): Story {
  return tellStory(traceFromOtlp(data), truncated ? { spansInTrace: storedSpanCount } : {});
}
