import { safeText } from './safe-text.ts';

/**
 * Text of a span within a line of Markdown, at its begin or behind other text: no markup, no HTML, no link, no list.
 *
 * @param unitsMax of more code units the end is left out.
 */
export function markdownText(text: string, unitsMax = UNITS_MAX): string {
  return (
    safeText(text, unitsMax)
      .replaceAll(/[\\`*_{}[\]<>#|~&$]/g, String.raw`\$&`)
      // Renderers make links of bare addresses, and lists of lines that begin so.
      .replaceAll(/:(?=\/\/)|@|(?<=www)\.|\.(?=www)/gi, String.raw`\$&`)
      .replace(/^(?=[-+](?:[ -]|$)|=+$)/, '\\')
      .replace(/^(\d{1,9})(?=[.)](?: |$))/, '$1\\')
  );
}

/** The same as code: what is to be copied as it is, such as an ID or a key. */
export function markdownCode(text: string, unitsMax = UNITS_MAX): string {
  const safe = safeText(text, unitsMax);
  if (safe === '') return '``` ```';
  const fence = fenceFor(safe, 1);
  const gap = /^`|`$|^ .* $/.test(safe) ? ' ' : '';
  return fence + gap + safe + gap + fence;
}

/** Lines as they are; text of spans in them has to be safe. */
export function markdownBlock(text: string): string {
  const fence = fenceFor(text, 3);
  return `${fence}text\n${text.trimEnd()}\n${fence}`;
}

/** What a reader must know before believing the rest, a quote each. */
export function warningsMarkdown(warnings: readonly string[]): string[] {
  return warnings.map((warning) => `> ${markdownText(warning)}\n`);
}

/** More backticks than there are in the text at once. */
function fenceFor(text: string, least: number): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), least - 1);
  return '`'.repeat(longest + 1);
}

/** Nobody reads more of a name, and who pays for each word reads less. */
const UNITS_MAX = 500;
