import { storyPlaces, tellStory, traceFromOtlp, type Story, type StoryPlace } from '@throughline/trace';
import type { StoredTrace } from './trace.ts';

/** The story of what was read of a trace, which says so where more is stored. */
export function storyOf({ data, truncated, storedSpanCount }: StoredTrace): Story {
  return tellStory(traceFromOtlp(data), truncated ? { spansInTrace: storedSpanCount } : {});
}

/** A story, and where its most telling spans are among those of all traces. */
export interface PlacedStory {
  readonly story: Story;
  readonly places: readonly StoryPlace[];
}

export function placedStoryOf(stored: StoredTrace): PlacedStory {
  const story = storyOf(stored);
  // Of a part of a trace nobody knows what is above its spans.
  return { story, places: stored.truncated ? [] : storyPlaces(traceFromOtlp(stored.data), story) };
}
