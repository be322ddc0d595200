import type { Config } from './config.ts';
import { show } from './setting.ts';
import { ALL_SETTINGS } from './settings.ts';

/** Every setting on a line of YAML that could be given so, with the source of its value behind it. */
export function configText({ values, sources }: Config): string {
  const lines: string[] = [];
  let group = '';
  const sorted = ALL_SETTINGS.toSorted((a, b) => groupOf(a.key).localeCompare(groupOf(b.key)));
  for (const setting of sorted) {
    const own = groupOf(setting.key);
    if (own !== group) lines.push(`${own}:`);
    group = own;
    const name = own === '' ? setting.key : `  ${setting.key.slice(own.length + 1)}`;
    lines.push(
      `${`${name}: ${scalar(show(setting, values.get(setting.key)))}`.padEnd(52)} # ${sources.get(setting.key)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function groupOf(key: string): string {
  return key.includes('.') ? key.slice(0, key.indexOf('.')) : '';
}

/** Quoted where YAML would read it as something else. */
function scalar(text: string): string {
  return /^[\w./][\w./-]*$/.test(text) ? text : JSON.stringify(text);
}
