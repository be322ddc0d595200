/**
 * What the declarations of a package's entries lead to, without what else stands in the same files: an internal class beside a public type
 * is of no use to who reads the package. It relies on how TypeScript writes declarations: a statement begins in the first column, after
 * its comment, and only entries export from other files.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NAME = /^(?:export )?(?:declare )?(?:abstract )?(?:const|function|class|interface|type) ([\w$]+)/;
const FROM = /^(import|export)( type)? \{([^}]*)\} from ['"]([^'"]+)['"];/;
const COMMENTS = /\/\*\*.*?\*\/\s*/gs;

/** The text to pack, by file. */
export function neededDeclarations(entries) {
  const modules = new Map();
  const moduleOf = (file) => {
    if (!modules.has(file)) modules.set(file, parse(file));
    return modules.get(file);
  };
  const reachStatement = (file, statement) => {
    if (statement.isNeeded) return;
    statement.isNeeded = true;
    for (const word of statement.code.match(/[\w$]+/g) ?? []) reach(file, word);
  };
  const reach = (file, name) => {
    const { statements, links } = moduleOf(file);
    for (const statement of statements) if (statement.name === name) reachStatement(file, statement);
    for (const link of links) for (const item of link.items) if (item.to === name) follow(link, item);
  };
  const follow = (link, item) => {
    if (item.isNeeded) return;
    item.isNeeded = true;
    if (link.file === undefined) return;
    if (!moduleOf(link.file).statements.some(({ name }) => name === item.from)) {
      throw new Error(`${item.from} is not declared in ${link.file}`);
    }
    reach(link.file, item.from);
  };
  for (const file of entries) {
    const { statements, links } = moduleOf(file);
    for (const statement of statements) reachStatement(file, statement);
    for (const link of links) if (link.kind === 'export') for (const item of link.items) follow(link, item);
  }
  return new Map([...modules].map(([file, module]) => [file, written(module)]));
}

function parse(file) {
  const statements = [];
  const links = [];
  for (const text of splitStatements(readFileSync(file, 'utf8'))) {
    const code = text.replaceAll(COMMENTS, '');
    const [, kind, type = '', list, from] = FROM.exec(code) ?? [];
    if (kind === undefined) {
      statements.push({ text, code, name: NAME.exec(code)?.[1], isNeeded: false });
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
    if (isDone && /^(?:\/\*\*|[a-z])/.test(line)) texts.push('');
    texts[texts.length - 1] += `${line}\n`;
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

function written({ statements, links }) {
  const lines = links.flatMap(({ kind, type, from, items }) => {
    const needed = items.filter(({ isNeeded }) => isNeeded).map(({ text }) => text);
    return needed.length === 0 ? [] : [`${kind}${type} { ${needed.join(', ')} } from '${from}';\n`];
  });
  const texts = statements.filter(({ isNeeded }) => isNeeded).map(({ text }) => text);
  // Without it a file whose exports are all left out would declare globals.
  return [...lines, ...texts, ...(texts.length === 0 && lines.length === 0 ? ['export {};\n'] : [])].join('');
}
