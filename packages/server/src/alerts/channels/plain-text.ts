import { UNSEEN } from '../../unseen.ts';

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
