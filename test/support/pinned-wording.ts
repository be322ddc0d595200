import { parseAst } from 'rolldown/parseAst';

/** A sentence that a test expects word for word. */
export interface PinnedWording {
  readonly line: number;
  readonly words: string;
}

/** As many words that follow each other are a sentence; fewer only tell one message from another. */
const SENTENCE_WORDS = 5;
const WORD = String.raw`[A-Za-z]?[a-z][a-z'’]*(?:-[a-z'’]+)*`;
/** What stands in a sentence between its words: numbers, flags, and what is quoted. */
const GIVEN = String.raw`(?:\d[\w.,:/%-]*|--[a-z][\w-]*(?:=\S+)?|"[^" ]{1,40}")`;
const NEXT_WORD = String.raw`[,;:]?(?: ${GIVEN}[,;:]?)* ${WORD}(?![\w-]|\.\w)`;
const SENTENCE = new RegExp(String.raw`(?<![\w-])${WORD}(?:${NEXT_WORD}){${SENTENCE_WORDS - 1},}`, 'g');

/** Functions of strings and of Playwright that look for a text which is written on the spot. */
const SEARCHES = /^(?:includes|startsWith|endsWith|indexOf|match|matchAll|getBy\w+|locator|filter)$/;
const ON_THE_SPOT = /^(?:Literal|TemplateLiteral|ObjectExpression)$/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/**
 * Sentences in what matchers and searches of a test file are given: in their arguments, and in what these name, which are
 * constants, columns of tables (`it.each`, `for`, array methods) and parameters of the file's own functions. Names are
 * taken to mean the same all over the file. What the file also gives to the code under test is no message of ours: it
 * comes back.
 */
export function pinnedWording(source: string, file: string): PinnedWording[] {
  const program = parseAst(source, { lang: file.endsWith('x') ? 'tsx' : 'ts' }) as unknown as Node;
  const parents = new Map<Node, Node>();
  walk(program, (node, parent) => parents.set(node, parent));
  const nodes = [...parents.keys()];
  const calleeOf = (call: Node): string => source.slice((call['callee'] as Node).start, (call['callee'] as Node).end);
  const values = valuesByName(nodes, calleeOf);
  const given = namesGiven(nodes, parents, calleeOf);

  const expected = new Set<Node>();
  const expectText = (node: Node): void => {
    if (expected.has(node) || isFunction(node)) return;
    expected.add(node);
    const path = pathOf(node);
    if (path === undefined) {
      for (const child of childrenOf(node)) if (node.type !== 'Property' || child !== node['key']) expectText(child);
      return;
    }
    const [name = '', ...keys] = path;
    if (given.has(name)) return;
    for (const value of values.get(name) ?? []) {
      const part = keys.reduce<Node | undefined>((whole, key) => whole && memberOf(whole, key), value);
      if (part !== undefined) expectText(part);
    }
  };
  const titles = new Set<Node>();
  for (const node of nodes) {
    if (node.type === 'CallExpression') {
      const called = calleeOf(node);
      const [first] = argumentsOf(node);
      if (/^(?:it|test|describe)\b(?!.*\.(?:each|for)$)/s.test(called) && first !== undefined)
        walk(first, (title) => titles.add(title));
      if (isMatcher(called)) for (const argument of argumentsOf(node)) expectText(argument);
      if (SEARCHES.test(methodOf(node)))
        for (const argument of argumentsOf(node)) if (ON_THE_SPOT.test(argument.type)) expectText(argument);
      // /…/.test(text)
      if (methodOf(node) === 'test') expectText((node['callee'] as Node)['object'] as Node);
    }
    if (node.type === 'BinaryExpression' && /^[!=]==$/.test(String(node['operator'])))
      for (const side of [node['left'], node['right']] as Node[]) if (ON_THE_SPOT.test(side.type)) expectText(side);
  }

  const own = nodes.map((node) => (expected.has(node) || titles.has(node) ? '' : textOf(node))).join('\n');
  return [...expected]
    .flatMap((node) => Array.from(textOf(node).matchAll(SENTENCE), ([words]) => ({ at: node.start, words })))
    .filter(({ words }) => !own.includes(words))
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, words }) => ({ line: source.slice(0, at).split('\n').length, words }));
}

function isMatcher(called: string): boolean {
  return /^expect\b.*\.(?:to[A-Z]\w*|string(?:Containing|Matching))$/s.test(called);
}

/** What every name of a file may stand for, as far as it is written out there. */
function valuesByName(nodes: readonly Node[], calleeOf: (call: Node) => string): Map<string, Node[]> {
  const values = new Map<string, Node[]>();
  const functions = new Map<string, Node>();
  const bind = (pattern: Node | null | undefined, value: Node | null | undefined): void => {
    if (pattern === null || pattern === undefined || value === null || value === undefined) return;
    const whole = withoutType(value);
    if (pattern.type === 'Identifier') {
      const name = String(pattern['name']);
      values.set(name, [...(values.get(name) ?? []), whole]);
      if (isFunction(whole)) functions.set(name, whole);
    } else if (pattern.type === 'AssignmentPattern') bind(pattern['left'] as Node, whole);
    else if (pattern.type === 'ArrayPattern')
      (pattern['elements'] as Node[]).forEach((element, index) => bind(element, memberOf(whole, index)));
    else if (pattern.type === 'ObjectPattern')
      for (const property of pattern['properties'] as Node[])
        if (property.type === 'Property') bind(property['value'] as Node, memberOf(whole, nameOf(property['key'])));
  };
  /** The elements of an array, or the entries of an object. */
  const rowsOf = (table: Node, through: readonly string[] = []): Node[] => {
    const node = withoutType(table);
    if (node.type === 'ArrayExpression') return (node['elements'] as (Node | null)[]).filter((row) => row !== null);
    if (node.type === 'Identifier') {
      const name = nameOf(node);
      if (through.includes(name)) return [];
      return (values.get(name) ?? []).flatMap((value) => rowsOf(value, [...through, name]));
    }
    if (node.type !== 'CallExpression') return [];
    if (calleeOf(node) === 'Object.entries') {
      const [whole] = argumentsOf(node);
      const objects = whole?.type === 'Identifier' ? (values.get(String(whole['name'])) ?? []) : [whole];
      const properties = objects.flatMap((object) => (object?.['properties'] ?? []) as Node[]);
      return properties.map(({ start, end, key, value }) => ({
        type: 'ArrayExpression',
        start,
        end,
        elements: [key, value],
      }));
    }
    // What was made of a table row by row.
    return methodOf(node) === '' ? [] : rowsOf((node['callee'] as Node)['object'] as Node, through);
  };

  for (const node of nodes) if (node.type === 'VariableDeclarator') bind(node['id'] as Node, node['init'] as Node);
  for (const node of nodes) if (node.type === 'FunctionDeclaration') bind(node['id'] as Node, node);
  for (const node of nodes) {
    if (node.type === 'ForOfStatement') {
      const [declared] = ((node['left'] as Node)['declarations'] ?? []) as Node[];
      for (const row of rowsOf(node['right'] as Node)) bind(declared?.['id'] as Node, row);
    }
    if (node.type !== 'CallExpression') continue;
    const callee = node['callee'] as Node;
    const parameters = (argumentsOf(node).find(isFunction)?.['params'] ?? []) as Node[];
    if (callee.type === 'CallExpression') {
      // The columns of a parametrized test.
      for (const row of argumentsOf(callee).flatMap((table) => rowsOf(table)))
        if (row.type === 'ArrayExpression') parameters.forEach((column, at) => bind(column, memberOf(row, at)));
        else bind(parameters[0], row);
    } else if (callee.type === 'MemberExpression') {
      for (const row of rowsOf(callee['object'] as Node)) bind(parameters[0], row);
    } else {
      const own = (functions.get(String(callee['name']))?.['params'] ?? []) as Node[];
      own.forEach((parameter, at) => bind(parameter, argumentsOf(node)[at]));
    }
  }
  return values;
}

/** Names whose values are given to something else than a matcher somewhere. */
function namesGiven(
  nodes: readonly Node[],
  parents: ReadonlyMap<Node, Node>,
  calleeOf: (call: Node) => string,
): Set<string> {
  const given = new Set<string>();
  for (const node of nodes) {
    if (node.type !== 'Identifier' || parents.get(node)?.['property'] === node) continue;
    const calls: string[] = [];
    let child = node;
    for (let parent = parents.get(child); parent !== undefined && !isFunction(parent); parent = parents.get(child)) {
      if (/^(?:Call|New)Expression$/.test(parent.type) && parent['callee'] !== child) calls.push(calleeOf(parent));
      child = parent;
    }
    const [innermost] = calls.filter((called) => !/^(?:RegExp|String|Buffer)\b/.test(called));
    if (innermost !== undefined && innermost !== 'expect' && !calls.some(isMatcher)) given.add(String(node['name']));
  }
  return given;
}

/** The names of `table.row.text`; undefined for what is no such chain. */
function pathOf(node: Node): string[] | undefined {
  if (node.type === 'Identifier') return [String(node['name'])];
  if (node.type !== 'MemberExpression' || node['computed'] === true) return undefined;
  const path = pathOf(node['object'] as Node);
  return path && [...path, nameOf(node['property'])];
}

/** A member of an object or an array that is written out. */
function memberOf(whole: Node, key: string | number): Node | undefined {
  if (typeof key === 'number') return (whole['elements'] as (Node | null)[] | undefined)?.[key] ?? undefined;
  const properties = (whole['properties'] ?? []) as Node[];
  return properties.find((property) => nameOf(property['key']) === key)?.['value'] as Node | undefined;
}

function withoutType(node: Node): Node {
  return /^TS\w+Expression$/.test(node.type) ? withoutType(node['expression'] as Node) : node;
}

/** What a literal says: of a template its parts, of a pattern its plain characters. */
function textOf(node: Node): string {
  if (node.type === 'TemplateElement') return (node['value'] as { cooked: string }).cooked;
  if (node.type !== 'Literal') return '';
  const pattern = (node['regex'] as { pattern: string } | undefined)?.pattern;
  if (pattern !== undefined) return pattern.replaceAll(/\\[sSdDwWbB]/g, '#').replaceAll(/\\(.)/g, '$1');
  return typeof node['value'] === 'string' ? node['value'] : '';
}

function methodOf(call: Node): string {
  const callee = call['callee'] as Node;
  return callee.type === 'MemberExpression' ? nameOf(callee['property']) : '';
}

function argumentsOf(call: Node): Node[] {
  return call['arguments'] as Node[];
}

/** Of an identifier, or of a key in quotes. */
function nameOf(node: unknown): string {
  const { name, value } = (node ?? {}) as { name?: string; value?: unknown };
  return name ?? String(value);
}

function isFunction(node: Node): boolean {
  return /^(?:ArrowFunctionExpression|FunctionExpression|FunctionDeclaration)$/.test(node.type);
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((child): child is Node => typeof (child as Node | null)?.type === 'string');
}

function walk(node: Node, visit: (node: Node, parent: Node) => void, parent = node): void {
  if (node !== parent) visit(node, parent);
  for (const child of childrenOf(node)) walk(child, visit, node);
}
