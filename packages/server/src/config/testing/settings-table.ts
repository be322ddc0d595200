import { LIMIT_SETTINGS } from '../limit-settings.ts';
import { show } from '../setting.ts';

/** The table of limits in `docs/collector.md`. */
export function settingsTable(): string {
  const rows = LIMIT_SETTINGS.map((setting) => {
    const { key, env, help, otherwise, counter, accepted } = setting;
    const bounds = accepted.slice(accepted.indexOf('from ') + 5);
    const counted =
      counter === null ? '' : `\`${counter.replace(/^throughline_limit_reached_total.*/, 'by its key')}\``;
    const cells = [
      `\`${key}\``,
      help,
      show(setting, otherwise()),
      bounds,
      `\`${env}\``,
      counted.replace('`by its key`', 'by its key'),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return `| key | what it is | default | from … to | variable | counted by |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}
