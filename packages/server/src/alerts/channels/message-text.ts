import type { AlertMessage } from './alert-message.ts';

/** A message as a text of lines, for a mail. */
export function messageText({ headline, details, rule, example, url, dedupKey }: AlertMessage): string {
  const links = Object.entries(rule.links).map(([name, address]) => `${name}: ${address}`);
  return [
    headline,
    '',
    ...details,
    ...(details.length > 0 ? [''] : []),
    `Look at the traces: ${url}`,
    ...(example === null ? [] : [`An example: ${example.url}`]),
    ...links,
    '',
    `Rule: ${rule.name} (${rule.severity})`,
    `Incident: ${dedupKey}`,
    '',
  ].join('\n');
}
