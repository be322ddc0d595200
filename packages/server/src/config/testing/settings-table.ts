import { LIMIT_SETTINGS } from '../limit-settings.ts';
import { show } from '../setting.ts';

/** The table of limits in `docs/collector.md`. */
export function settingsTable(): string {
  const rows = LIMIT_SETTINGS.map((setting) => {
    const { key, env, help, defaultValue, counter, accepted } = setting;
    const bounds = accepted.slice(accepted.indexOf('from ') + 5);
    const metric = counter === null ? '' : `\`${counter}\``;
    const cells = [`\`${key}\``, help, show(setting, defaultValue()), bounds, `\`${env}\``, metric];
    return `| ${cells.join(' | ')} |`;
  });
  return `| key | what it is | default | from … to | variable | metric |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}
