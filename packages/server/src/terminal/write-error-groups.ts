import type { ErrorsResponse } from '@throughline/trace/client';
import { countText } from './count-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Screen } from './screen.ts';
import { padEnd, padStart, widthOf, wrap } from './text-width.ts';
import { FAILURE_VERBS, placeOf } from './write-errors.ts';
import { ageOf } from './write-search.ts';

type Group = ErrorsResponse['groups'][number];

const MESSAGE_UNITS_MAX = 300;

/**
 * `throughline errors` of a collector: what is new in a sentence, and for each group how often it failed, why, whether
 * it is new, and its newest trace.
 */
export function writeErrorGroups(
  { groups, groupCount, fromUnixNano, toUnixNano, lookedBackToUnixNano, share }: ErrorsResponse,
  warnings: readonly string[],
  nowMs: number,
  screen: Screen,
): Line[] {
  const countWidth = Math.max(0, ...groups.map((group) => widthOf(timesOf(group))));
  const range = `${ago(fromUnixNano, nowMs)} to ${ago(toUnixNano, nowMs)}`;
  const notes = [
    `From ${range}; what was there before was looked for back to ${ago(lookedBackToUnixNano, nowMs)}`,
    ...(share < 1 ? [`Counted in ${percentOf(share)} of the traces; the numbers are estimates`] : []),
    ...(groupCount > groups.length ? [`${countText(groupCount - groups.length)} more: raise --limit`] : []),
  ];
  return [
    ...wrap(answerOf(groups), screen.width).map((text): Line => [piece(text, 'bold')]),
    ...(groups.length > 0 ? [[]] : []),
    ...groups.flatMap((group) => writeGroup(group, countWidth, nowMs, screen)),
    [],
    ...warnings.flatMap((text) => wrap(`Warning: ${text}`, screen.width).map((part): Line => [piece(part, 'yellow')])),
    ...notes.flatMap((text) => wrap(text, screen.width).map((part): Line => [piece(part, 'dim')])),
  ];
}

function answerOf(groups: readonly Group[]): string {
  const [most] = groups;
  if (most === undefined) return 'Nothing has failed';
  const [first, ...others] = groups.filter(({ state }) => state === 'new');
  if (first !== undefined) {
    const more = others.length === 0 ? '' : `, and ${countText(others.length)} more`;
    return `New: ${placeOf(first.service, first.operation)} ${FAILURE_VERBS[first.kind]}${more}`;
  }
  if (most.state === 'gone')
    return `Nothing fails any more that failed before: ${placeOf(most.service, most.operation)}`;
  return `No failure is new; most often ${placeOf(most.service, most.operation)} ${FAILURE_VERBS[most.kind]}`;
}

function writeGroup(group: Group, countWidth: number, nowMs: number, screen: Screen): Line[] {
  const { service, operation, kind, type, example, samples } = group;
  const before: Line = [piece(`${padStart(timesOf(group), countWidth)}  `, 'bold')];
  const indent = piece(' '.repeat(lineWidth(before)));
  const room = screen.width - lineWidth(before);
  const style = group.state === 'gone' ? 'dim' : 'red';
  const reason = [type, example].filter((text) => text !== '').join(': ');
  return [
    [...before, piece(padEnd(`${placeOf(service, operation)} ${FAILURE_VERBS[kind]}`, room), style)],
    ...(reason === '' ? [] : wrap(safeText(reason, MESSAGE_UNITS_MAX), room)).map((text): Line => [
      indent,
      piece(text),
    ]),
    ...wrap(factsOf(group, nowMs), room).map((text): Line => {
      return [indent, group.state === 'new' || group.state === 'back' ? piece(text, 'yellow') : piece(text, 'dim')];
    }),
    ...samples.slice(0, 1).map(({ traceId }): Line => [indent, piece(padEnd(traceId, room), 'dim')]),
  ];
}

/** `new · 3m to 50m ago · 1.4.2` */
function factsOf({ state, estimatedCountBefore, firstUnixNano, lastUnixNano, versions }: Group, nowMs: number): string {
  const what = state === 'ongoing' ? `ongoing, ${roundText(estimatedCountBefore)} in as long before` : state;
  const [last, first] = [ageOf(lastUnixNano, nowMs), ageOf(firstUnixNano, nowMs)];
  const when = last === first ? ago(lastUnixNano, nowMs) : `${last} to ${ago(firstUnixNano, nowMs)}`;
  return [what, when, ...versions.map(({ version }) => safeText(version))].join(' · ');
}

function timesOf({ state, estimatedCount, estimatedCountBefore }: Group): string {
  return `${roundText(state === 'gone' ? estimatedCountBefore : estimatedCount)}×`;
}

function roundText(count: number): string {
  return countText(Math.round(count));
}

function percentOf(share: number): string {
  const percentage = share * 100;
  return `${percentage < 10 ? Number(percentage.toPrecision(2)) : Math.round(percentage)}%`;
}

function ago(unixNano: string, nowMs: number): string {
  const age = ageOf(unixNano, nowMs);
  return age === 'now' ? age : `${age} ago`;
}
