/** Controls, separators of lines, half characters, and what turns the reading direction. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+/gu;

/**
 * Text of a span for one line of a message: nothing in it ends the line, hides, or turns the direction of what follows.
 *
 * @param charactersMax of more, the end is left out.
 */
export function plainText(text: string, charactersMax = 300): string {
  // Ten times as much is no name that anybody reads.
  const seen = text
    .slice(0, charactersMax * 10)
    .replaceAll(UNSEEN, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
  const characters = Array.from(seen);
  return characters.length <= charactersMax ? seen : `${characters.slice(0, charactersMax - 1).join('')}…`;
}
