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
