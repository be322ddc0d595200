import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node, type Pair, type YAMLMap } from 'yaml';
import { closest } from '../closest.ts';
import { ConfigError, type Setting } from './setting.ts';
import { unreadable } from './unreadable.ts';

/** A setting's text and where it was given. */
export interface RawValue {
  readonly text: string;
  readonly source: string;
}

/** A file that is larger is none that a person wrote. */
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * Reads a YAML file of settings, each below its group, and returns what it gives by key. Throws a ConfigError that
 * names file, line and column, and the known name that is nearest to an unknown one.
 */
export function readConfigFile(path: string, settings: readonly Setting[]): Map<string, RawValue> {
  return parseConfigFile(readText(path), path, settings);
}

/** `path` only names the file in messages. */
export function parseConfigFile(text: string, path: string, settings: readonly Setting[]): Map<string, RawValue> {
  const lines = new LineCounter();
  // Without a schema of YAML's own every scalar is the text that was written.
  const document = parseDocument(text, { lineCounter: lines, schema: 'failsafe', prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error !== undefined) throw new ConfigError(`${at(error.pos[0])}: ${oneLine(error.message)}`);
  const given = new Map<string, RawValue>();
  const root = document.contents;
  // An empty file, or one of comments.
  if (root === null || (isScalar(root) && root.value === '')) return given;
  if (!isMap(root)) throw new ConfigError(`${at(start(root))}: expected settings such as "host: 127.0.0.1"`);
  readGroup(root, '');
  return given;

  function readGroup(map: YAMLMap, group: string): void {
    for (const { key, value } of map.items as Pair<Node, Node | null>[]) {
      const name = isScalar(key) ? String(key.value) : '';
      const full = group === '' ? name : `${group}.${name}`;
      const setting = settings.find((candidate) => candidate.key === full);
      const source = at(start(value ?? key));
      if (setting !== undefined) {
        const read = textOf(value);
        if (read === null) throw new ConfigError(`${source}: ${full}: expected a single value: ${setting.accepted}`);
        // As an empty variable: not given.
        if (read !== '') given.set(full, { text: read, source });
      } else if (group === '' && settings.some((candidate) => candidate.key.startsWith(`${name}.`))) {
        if (isMap(value)) readGroup(value, name);
        else if (textOf(value) !== '')
          throw new ConfigError(`${source}: ${name} is a group of settings: expected one on each line below it`);
      } else {
        throw unknownKey(at(start(key)), name, group, settings);
      }
    }
  }
}

/** Null for what is no single value; a sequence is a list. */
function textOf(node: Node | null): string | null {
  if (node === null) return '';
  if (isScalar(node)) return String(node.value).trim() === '~' ? '' : String(node.value);
  if (!isSeq(node) || !node.items.every((item) => isScalar(item))) return null;
  return node.items.map((item) => String(item.value)).join(',');
}

function unknownKey(where: string, name: string, group: string, settings: readonly Setting[]): ConfigError {
  const inside = group === '' ? '' : ` under \`${group}\``;
  const own = group === '' ? namesAt(settings) : namesBelow(settings, group);
  const meant = closest(name, own) ?? (group === '' ? elsewhere(name, settings) : null);
  const hint = meant === null ? `supported: ${own.join(', ')}` : `did you mean \`${meant}\`?`;
  return new ConfigError(`${where}: unknown key \`${name.slice(0, 100)}\`${inside}; ${hint}`);
}

/** Settings and groups at the top. */
function namesAt(settings: readonly Setting[]): string[] {
  return [...new Set(settings.map(({ key }) => key.split('.', 1)[0] ?? ''))];
}

function namesBelow(settings: readonly Setting[], group: string): string[] {
  return settings.filter(({ key }) => key.startsWith(`${group}.`)).map(({ key }) => key.slice(group.length + 1));
}

/** For who writes a flag's or a variable's name, or a setting without its group. */
function elsewhere(name: string, settings: readonly Setting[]): string | null {
  const found = settings.find(({ key, flag, env }) => {
    return flag === `--${name}` || env === name || key === name || key.endsWith(`.${name}`);
  });
  return found?.key ?? null;
}

function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_BYTES_MAX) throw new ConfigError(`${path} has more than ${FILE_BYTES_MAX} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`configuration file ${path} ${unreadable(error)}`, { cause: error });
  }
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

function start(node: Node): number {
  return node.range?.[0] ?? 0;
}
