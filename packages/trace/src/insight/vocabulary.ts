/** Numbers for names, so that millions of spans hold small integers. The number 0 stands for the empty name. */
export class Names {
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #texts: string[] = [''];

  get count(): number {
    return this.#texts.length;
  }

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }

  textOf(number: number): string {
    return this.#texts[number] ?? '';
  }
}

/** What a process is, as far as its spans say: one of several instances, of a version, on a host. */
export interface Instance {
  readonly service: number;
  /** Of `service.instance.id`, or what stands for it; '' where nothing tells instances apart. */
  readonly id: string;
  /** Which attribute has that ID. */
  readonly idKey: string;
  readonly version: string;
  readonly host: string;
}

/** A kind of work: what all spans of one name and kind in one service do, to one peer where the peer sends no spans. */
export interface Operation {
  readonly service: number;
  readonly name: string;
  /** OTLP's SpanKind. */
  readonly kind: number;
  /** The database, queue or host that a client span names; '' for none. */
  readonly peer: string;
  /** What that is, where it is known. */
  readonly peerKind?: PeerKind | undefined;
}

/** What a span calls that sends no spans of its own: `silent` is a service. */
export type PeerKind = 'silent' | 'database' | 'queue' | 'external';

/** The names that two windows of spans share. */
export class Vocabulary {
  readonly services = new Names();
  readonly failures = new Names();
  readonly #operations = new Map<string, number>();
  readonly #operationList: Operation[] = [{ service: 0, name: '', kind: 0, peer: '' }];
  readonly #instances = new Map<string, number>();
  readonly #instanceList: Instance[] = [{ service: 0, id: '', idKey: '', version: '', host: '' }];

  get operations(): readonly Operation[] {
    return this.#operationList;
  }

  get instances(): readonly Instance[] {
    return this.#instanceList;
  }

  operation(service: number, name: string, kind: number, peer: string, peerKind?: PeerKind): number {
    const key = `${service}\0${kind}\0${name}\0${peer}`;
    const known = this.#operations.get(key);
    if (known !== undefined) return known;
    const number = this.#operationList.push({ service, name, kind, peer, peerKind }) - 1;
    this.#operations.set(key, number);
    return number;
  }

  instance(instance: Instance): number {
    const key = `${instance.service}\0${instance.id}\0${instance.version}\0${instance.host}`;
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    const number = this.#instanceList.push(instance) - 1;
    this.#instances.set(key, number);
    return number;
  }

  serviceOf(operation: number): number {
    return this.#operationList[operation]!.service;
  }
}
