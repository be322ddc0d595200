/** `12,345`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 span`, `12,345 spans`; with what follows where that agrees as well. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
