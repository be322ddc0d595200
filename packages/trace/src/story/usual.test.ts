import { describe, expect, test } from 'vitest';
import { callPathsOf } from '../insight/call-paths.ts';
import { tableOfTraces } from '../insight/table-of-traces.ts';
import { aCheckout } from '../testing/a-checkout.ts';
import { traceFromOtlp } from '../tree/trace.ts';
import type { StoryPlace } from './story.ts';
import { tellStory } from './tell-story.ts';
import { storyPlaces, withUsual } from './usual.ts';

const trace = traceFromOtlp(aCheckout());
const story = tellStory(trace);
const USUAL = { count: 1_000, p50Ns: 12e6, p90Ns: 45e6 };

describe('what is usual in a story', () => {
  test('is asked for the root and for what decided the outcome, at the paths that are measured', () => {
    const places = storyPlaces(trace, story);
    expect(places.map(({ spanIndex }) => spanIndex)).toEqual([story.rootIndex, story.summary.cause!.spanIndex]);
    const { paths, ofSpan } = callPathsOf(tableOfTraces([trace]));
    expect(places.map(({ path }) => path)).toEqual(places.map(({ spanIndex }) => paths.at(ofSpan.at(spanIndex)!)!.id));
  });

  test('follows the duration of the root, and the steps, with its span', () => {
    const told = tellStory(trace, { usual: () => USUAL });
    const added = told.clauses.filter(({ kind }) => kind === 'usual');
    expect(added.map(({ spanIndexes }) => spanIndexes)).toEqual([[story.rootIndex], [story.summary.cause!.spanIndex]]);
    for (const { text } of added) expect(text).toContain('12 ms');
    const kinds = told.clauses.map(({ kind }) => kind);
    expect(kinds.indexOf('usual')).toBe(kinds.indexOf('total') + 1);
    expect(kinds.lastIndexOf('usual')).toBe(kinds.lastIndexOf('step') + 1);
    expect(told.clauses.filter(({ kind }) => kind !== 'usual')).toEqual(story.clauses);
    expect(told.headline).toBe(story.headline);
  });

  test('is not told where too little is known', () => {
    expect(tellStory(trace, { usual: () => null })).toEqual(story);
    expect(tellStory(trace, { usual: () => ({ ...USUAL, count: 29 }) })).toEqual(story);
    const isRoot = ({ spanIndex }: StoryPlace): boolean => spanIndex === story.rootIndex;
    const told = withUsual(story, storyPlaces(trace, story), (place) => (isRoot(place) ? USUAL : null));
    expect(told.clauses).toHaveLength(story.clauses.length + 1);
  });

  test('is not asked for a trace without spans', () => {
    const empty = traceFromOtlp({ resourceSpans: [] });
    expect(storyPlaces(empty, tellStory(empty))).toEqual([]);
  });
});
