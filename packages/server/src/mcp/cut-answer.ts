/** Markdown of at most `charactersMax` code units, cut between lines, which says so. */
export function cutAnswer(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const room = Math.max(0, charactersMax - NOTE_CHARACTERS);
  const start = text.slice(0, room + 1);
  const end = start.lastIndexOf('\n');
  const kept = end < 0 ? text.slice(0, room).replace(/[\ud800-\udbff]$/, '') : start.slice(0, end);
  // A block that is open would take the note in.
  const fence = openFenceOf(kept);
  const closed = fence === '' ? kept : `${kept}\n${fence}`;
  return `${closed}\n\nCut after ${kept.length} of ${text.length} characters: ask for less, such as a lower \`limit\` or a shorter time.\n`;
}

/** More than the note and a fence take. */
const NOTE_CHARACTERS = 200;

function openFenceOf(text: string): string {
  let open = '';
  for (const [, fence = ''] of text.matchAll(/^(`{3,})/gm)) {
    if (open === '') open = fence;
    else if (fence.length >= open.length) open = '';
  }
  return open;
}
