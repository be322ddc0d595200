/** `1 span`, `12345 spans`; with what follows where that agrees as well: `1 span was`, `2 spans were`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
