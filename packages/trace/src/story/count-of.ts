/** A whole number of 0 or more with thousands apart: `12,345`. */
export function countText(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 span`, `12,345 spans`; with what follows where that agrees as well: `1 span was`, `2 spans were`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
