import { tellStory, traceFromOtlp, type Story } from '@throughline/trace';
import type { StoredTrace } from './trace.ts';

/** The story of what was read of a trace. */
export function storyOf({ data }: StoredTrace): Story {
  return tellStory(traceFromOtlp(data));
}
