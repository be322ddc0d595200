/**
 * What the declarations of a package's entries lead to, without what else stands in the same files: an internal class beside a public type
 * is of no use to who reads the package. It relies on how TypeScript writes declarations: a statement begins in the first column, after
 * its comment, and only entries export from other files.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const NAME = /^(?:export )?(?:declare )?(?:abstract )?(?:const|function|class|interface|type) ([\w$]+)/;
/** Where everything stands that entries share. */
const SHARED = 'types.d.ts';
const FROM = /^(import|export)( type)? \{([^}]*)\} from ['"]([^'"]+)['"];/;
const COMMENTS = /\/\*\*.*?\*\/\s*/gs;

/** The text to pack, by file. What no entry exports by name is without its comments: nobody looks it up. */
export function neededDeclarations(entries) {
  const modules = new Map();
  const moduleOf = (file) => {
    if (!modules.has(file)) modules.set(file, parse(file));
    return modules.get(file);
  };
  const reachStatement = (file, statement, isNamed) => {
    if (isNamed) statement.isNamed = true;
    if (statement.isNeeded) return;
    statement.isNeeded = true;
    for (const word of statement.code.match(/[\w$]+/g) ?? []) reach(file, word, false);
  };
  const reach = (file, name, isNamed) => {
    const { statements, links } = moduleOf(file);
    for (const statement of statements) if (statement.name === name) reachStatement(file, statement, isNamed);
    for (const link of links) for (const item of link.items) if (item.to === name) follow(link, item, isNamed);
  };
  const follow = (link, item, isNamed) => {
    if (item.isNeeded && !isNamed) return;
    item.isNeeded = true;
    if (link.file === undefined) return;
    if (!moduleOf(link.file).statements.some(({ name }) => name === item.from)) {
      throw new Error(`${item.from} is not declared in ${link.file}`);
    }
    reach(link.file, item.from, isNamed);
  };
  for (const file of entries) {
    const { statements, links } = moduleOf(file);
    for (const statement of statements) reachStatement(file, statement, true);
    for (const link of links) if (link.kind === 'export') for (const item of link.items) follow(link, item, true);
  }
  const shared = join(dirname(entries[0]), SHARED);
  const others = [...modules].filter(([file]) => !entries.includes(file)).map(([, module]) => module);
  const texts = entries.map((file) => [file, written(moduleOf(file), () => pathBetween(file, shared))]);
  return new Map([...texts, [shared, written(merged(others), ({ from }) => from)]]);
}

function pathBetween(file, target) {
  const path = relative(dirname(file), target).replace(/\.d\.ts$/, '.js');
  return path.startsWith('.') ? path : `./${path}`;
}

/** Several modules as one: a file of its own costs more than most of them hold. Names must not stand for two things then. */
function merged(modules) {
  const meanings = new Map();
  const claim = (name, meaning) => {
    if (name === undefined) return true;
    const known = meanings.get(name);
    if (known !== undefined && known !== meaning)
      throw new Error(`${name} is declared twice among what is packed: rename one`);
    meanings.set(name, meaning);
    return known === undefined;
  };
  const statements = modules.flatMap((module) => module.statements).filter(({ isNeeded }) => isNeeded);
  for (const statement of statements) claim(statement.name, statement);
  const links = modules
    .flatMap((module) => module.links)
    .map((link) => ({ ...link, items: link.items.filter(({ isNeeded }) => isNeeded) }));
  for (const { file, items } of links) {
    const renamed = file === undefined ? undefined : items.find(({ from, to }) => from !== to);
    if (renamed !== undefined)
      throw new Error(`${renamed.text} is imported under another name, which cannot be packed`);
  }
  const external = links
    .filter(({ file }) => file === undefined)
    .map((link) => ({ ...link, items: link.items.filter(({ from, to }) => claim(to, `${link.from} ${from}`)) }));
  return { statements, links: external };
}

function parse(file) {
  const statements = [];
  const links = [];
  for (const text of splitStatements(readFileSync(file, 'utf8'))) {
    const code = text.replaceAll(COMMENTS, '');
    const [, kind, type = '', list, from] = FROM.exec(code) ?? [];
    if (kind === undefined) {
      statements.push({ text, code, name: NAME.exec(code)?.[1], isNeeded: false, isNamed: false });
    } else {
      const target = from.startsWith('.') ? join(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')) : undefined;
      links.push({ kind, type, from, file: target, items: list.split(',').map(parseItem) });
    }
  }
  return { statements, links };
}

/** Each with the comment before it. The maps are not packed, so that nothing is said of them. */
function splitStatements(source) {
  const texts = [];
  let isDone = true;
  for (const line of source.split('\n')) {
    if (line.startsWith('//# sourceMappingURL=') || line === '') continue;
    const indented = line.replace(/^(?: {4})+/, (spaces) => ' '.repeat(spaces.length / 4));
    if (isDone && /^(?:\/\*\*|[a-z])/.test(line)) texts.push('');
    texts[texts.length - 1] += `${indented}\n`;
    // A line of a comment that ends so is followed by one that does not.
    isDone = /[;}]$/.test(line);
  }
  return texts;
}

function parseItem(text) {
  const [from, to = from] = text
    .trim()
    .replace(/^type /, '')
    .split(' as ');
  return { text: text.trim(), from, to, isNeeded: false };
}

/** `pathOf` says where a link into this package leads now. Links of one kind that lead to the same place become one. */
function written({ statements, links }, pathOf) {
  const grouped = new Map();
  for (const link of links) {
    const { kind, type, from, file, items } = link;
    const needed = items.filter(({ isNeeded }) => isNeeded).map(({ text }) => text);
    if (needed.length === 0) continue;
    const key = [`${kind}${type}`, file === undefined ? from : pathOf(link)];
    const group = grouped.get(key.join()) ?? { key, names: [] };
    grouped.set(key.join(), group);
    group.names.push(...needed);
  }
  const lines = [...grouped.values()].map(
    ({ key: [what, path], names }) => `${what} { ${names.join(', ')} } from '${path}';\n`,
  );
  const texts = statements.filter(({ isNeeded }) => isNeeded).map(({ text, code, isNamed }) => (isNamed ? text : code));
  // Without it a file whose exports are all left out would declare globals.
  return [...lines, ...texts, ...(texts.length === 0 && lines.length === 0 ? ['export {};\n'] : [])].join('');
}

/** Comments take a sixth of the package's 60 KB in full; what an editor shows at a name is their first sentence. */
const COMMENT_CHARACTERS_MAX = 70;

/** The text with the first sentence of each comment, where that is short; the guide and the sources have the rest. */
export function withShortComments(text) {
  return text.replace(/([ \t]*)\/\*\*(.*?)\*\/\n?/gs, (_, indent, comment) => {
    const [sentence] = comment
      .replaceAll(/\s*\n\s*\*\s?/g, ' ')
      .trim()
      .split(/(?<=[.:;])\s/);
    return sentence.length <= COMMENT_CHARACTERS_MAX ? `${indent}/** ${sentence} */\n` : '';
  });
}
