import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';
import { closest } from '../../closest.ts';
import { shownText } from '../../without-passwords.ts';

/** Where the reader of a file notes what is wrong, a line for each. */
export interface Problems {
  /** `at`: `alerts.yaml:3:5`. */
  note(at: string, message: string): void;
  /** Where a node is. */
  placeOf(node: Node): string;
}

/** How a text becomes a value. */
export interface TextRule<T> {
  /** Behind "expected". */
  readonly accepted: string;
  /** A secret may stand where this is expected: what is not accepted is not repeated. */
  readonly isSecret?: boolean;
  /** Undefined where it is not accepted. */
  parse(text: string): T | undefined;
}

/**
 * The members of one mapping in a file, which are taken one after the other; what is left at the end is unknown.
 * `path` says where it is to people: `rule "checkout fails"`, `channels.ops`.
 */
export class YamlFields {
  readonly path: string;
  readonly #problems: Problems;
  readonly #map: YAMLMap;
  readonly #fields = new Map<string, { readonly key: Node; readonly value: Node | null }>();
  readonly #known: string[] = [];

  constructor(map: YAMLMap, path: string, problems: Problems) {
    this.#map = map;
    this.path = path;
    this.#problems = problems;
    for (const { key, value } of map.items as Pair<Node, Node | null>[]) {
      this.#fields.set(isScalar(key) ? String(key.value) : '', { key, value });
    }
  }

  /** All names, for a mapping by names that people choose. */
  get names(): readonly string[] {
    return [...this.#fields.keys()];
  }

  /** Undefined where it is not given, or not accepted, which is noted. */
  text<T>(name: string, rule: TextRule<T>): T | undefined {
    const node = this.#take(name);
    if (node === undefined) return undefined;
    if (!isScalar(node)) {
      this.wrong(name, `expected a single value: ${rule.accepted}`);
      return undefined;
    }
    const text = String(node.value);
    const value = rule.parse(text);
    if (value === undefined) {
      this.wrong(name, `${gotOf(text, rule)}expected ${rule.accepted}`);
    }
    return value;
  }

  /** The same of something that must be given. */
  needed<T>(name: string, rule: TextRule<T>): T | undefined {
    if (!this.has(name)) {
      this.#known.push(name);
      this.#problems.note(
        this.#problems.placeOf(this.#map),
        `${this.path}: ${name} is missing, expected ${rule.accepted}`,
      );
      return undefined;
    }
    return this.text(name, rule);
  }

  /** A sequence of texts, or one text alone. */
  list<T>(name: string, rule: TextRule<T>, itemsMax: number): T[] | undefined {
    const node = this.#take(name);
    if (node === undefined) return undefined;
    const items = isSeq(node) ? (node.items as Node[]) : [node];
    if (items.length > itemsMax) {
      this.wrong(name, `has ${items.length} items, expected at most ${itemsMax}`);
      return undefined;
    }
    const values: T[] = [];
    for (const item of items) {
      const text = isScalar(item) ? String(item.value) : null;
      const value = text === null ? undefined : rule.parse(text);
      if (value === undefined) {
        this.wrong(name, `${text === null ? '' : gotOf(text, rule)}expected ${rule.accepted}`, item);
      } else values.push(value);
    }
    return values;
  }

  /** Undefined where it is not given, or is no mapping, which is noted. */
  map(name: string, path = `${this.path}: ${name}`): YamlFields | undefined {
    const node = this.#take(name);
    if (node === undefined) return undefined;
    if (isMap(node)) return new YamlFields(node, path, this.#problems);
    this.wrong(name, 'expected names with values, each on a line below it');
    return undefined;
  }

  /** The items of a sequence. */
  sequence(name: string): readonly Node[] | undefined {
    const node = this.#take(name);
    if (node === undefined) return undefined;
    if (isSeq(node)) return node.items as Node[];
    this.wrong(name, 'expected a list: each item on a line that begins with a dash');
    return undefined;
  }

  /** Whether it is given as a mapping. */
  isMap(name: string): boolean {
    return isMap(this.#fields.get(name)?.value);
  }

  has(name: string): boolean {
    const field = this.#fields.get(name);
    return field !== undefined && !isNothing(field.value);
  }

  /** Notes that a member is wrong, whatever it holds. */
  wrong(name: string, message: string, node?: Node): void {
    const field = this.#fields.get(name);
    const where = node ?? field?.value ?? field?.key ?? this.#map;
    this.#problems.note(this.#problems.placeOf(where), `${this.path}: ${name}: ${message}`);
  }

  /** The same where the name itself may hold what must not be repeated. */
  wrongName(name: string, message: string): void {
    this.#problems.note(this.#problems.placeOf(this.#fields.get(name)?.key ?? this.#map), `${this.path}: ${message}`);
  }

  /**
   * Notes every member that nobody has taken, with the known one that is nearest.
   *
   * @param mayBeSecret a secret may stand where a name is expected: it is not repeated.
   */
  end(mayBeSecret = false): void {
    for (const [name, { key }] of this.#fields) {
      if (this.#known.includes(name)) continue;
      const meant = closest(name, this.#known);
      const hint = meant === null ? `supported: ${this.#known.join(', ')}` : `did you mean \`${meant}\`?`;
      const shown = mayBeSecret ? '' : ` \`${JSON.stringify(shownText(name)).slice(1, -1)}\``;
      this.#problems.note(this.#problems.placeOf(key), `${this.path}: unknown key${shown}; ${hint}`);
    }
  }

  #take(name: string): Node | undefined {
    if (!this.#known.includes(name)) this.#known.push(name);
    const node = this.#fields.get(name)?.value;
    return node === undefined || isNothing(node) ? undefined : node;
  }
}

/** What was given, as the begin of a message. */
function gotOf(text: string, { isSecret = false }: TextRule<unknown>): string {
  return isSecret ? '' : `got ${JSON.stringify(shownText(text))}, `;
}

/** As in the configuration file: what has no value is not given. */
function isNothing(node: Node | null): node is null {
  return node === null || (isScalar(node) && ['', '~'].includes(String(node.value).trim()));
}
