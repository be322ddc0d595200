/**
 * The next of `count` places for which `matches` holds, going from `from` in direction `step` and around the end;
 * -1 where none holds. `from` itself comes last; -1 begins at the first place.
 */
export function nextPlace(count: number, from: number, step: 1 | -1, matches: (place: number) => boolean): number {
  for (let distance = 1; distance <= count; distance++) {
    const begin = from < 0 && step < 0 ? 0 : from;
    const place = (((begin + step * distance) % count) + count) % count;
    if (matches(place)) return place;
  }
  return -1;
}

/**
 * The next segment of the critical path, whose spans are `spans` in the order of time, for a walk that is at segment
 * `at`; where that is no segment of the active span, at the first of it. A span comes back after each of its children:
 * that it is active does not show how far the walk has come. -1 where there is no other span.
 */
export function nextSegment(spans: Int32Array, at: number, active: number, step: 1 | -1): number {
  const here = spans[at] === active ? at : spans.indexOf(active);
  return nextPlace(spans.length, here, step, (place) => spans[place] !== active);
}
