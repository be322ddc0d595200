import { callPathId } from '../analysis/call-path.ts';
import { formatDuration } from '../format-duration.ts';
import type { Trace } from '../tree/trace.ts';
import { Labels } from './labels.ts';
import type { Story, StoryClause, StoryPlace, UsualDuration } from './story.ts';

const NAME_LENGTH_MAX = 80;
/** Of fewer calls nobody can tell what is usual. */
const USUAL_COUNT_MIN = 30;

/**
 * The spans of a story of which it matters how long they usually take: the root, and what decided the outcome. For
 * `withUsual`, where it takes time to find that out.
 */
export function storyPlaces(trace: Trace, { rootIndex, summary: { cause } }: Story): StoryPlace[] {
  const spans = [rootIndex, cause?.spanIndex ?? rootIndex].filter((span) => span >= 0);
  const labels = new Labels(trace, NAME_LENGTH_MAX);
  return [...new Set(spans)].map((span) => ({
    spanId: trace.spanIds[span]!,
    spanIndex: span,
    service: trace.services[trace.serviceIndex[span]!] ?? '',
    operation: trace.names[span]!,
    kind: trace.kind[span]!,
    path: callPathId(trace, span),
    label: labels.span(span),
    startTimeUnixNano: String(trace.traceStartUnixNano + BigInt(Math.round(trace.startNs[span]!))),
  }));
}

/**
 * The story with what is usual at some of its places: a clause for the root behind its duration, and one for what
 * decided the outcome behind the steps. Those of which too few calls are known have none.
 */
export function withUsual(
  story: Story,
  places: readonly StoryPlace[],
  usual: (place: StoryPlace) => UsualDuration | null,
): Story {
  const { clauses: told, rootIndex } = story;
  const clauses = [...told];
  for (const place of places) {
    const known = usual(place);
    if (known === null || known.count < USUAL_COUNT_MIN) continue;
    const isRoot = place.spanIndex === rootIndex;
    const behind = clauses.findLastIndex(
      ({ kind }) => kind === 'total' || (!isRoot && (kind === 'step' || kind === 'usual')),
    );
    clauses.splice(behind + 1, 0, clauseOf(place, known));
  }
  return { ...story, clauses };
}

function clauseOf({ label: name, spanId, spanIndex }: StoryPlace, { p50Ns, p90Ns }: UsualDuration): StoryClause {
  const label = `${name} usually takes ${formatDuration(p50Ns)} (90% within ${formatDuration(p90Ns)})`;
  return {
    kind: 'usual',
    text: label,
    label,
    spanIds: [spanId],
    spanIndexes: [spanIndex],
    spanCount: 1,
    durationNs: String(Math.round(p50Ns)),
  };
}
