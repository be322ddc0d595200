import type { IncomingHttpHeaders } from 'node:http';
import { closest } from '../closest.ts';
import type { Access } from '../http/access.ts';
import type { Route } from '../http/route.ts';
import { markdownCode } from '../terminal/markdown-text.ts';
import { ToolProblem } from './tool-problem.ts';

/** The request that a tool is called by. */
export interface AskedBy {
  readonly headers: IncomingHttpHeaders;
  readonly access: Access;
  /** Aborted when the client has left or the time is up. */
  readonly signal: AbortSignal;
}

interface Question {
  readonly path?: Readonly<Record<string, string>>;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  readonly body?: unknown;
}

/** Asks the routes of the API, by their operation ids, as a client does that they answer: but not over HTTP. */
export class RouteAsker {
  readonly #routes: ReadonlyMap<string, Route>;
  readonly by: AskedBy;

  constructor(routes: ReadonlyMap<string, Route>, by: AskedBy) {
    this.#routes = routes;
    this.by = by;
  }

  /** Rejects with the `Problem` of the route. */
  markdown(operationId: string, question: Question): Promise<string> {
    return this.#ask(operationId, question, 'text/markdown');
  }

  /** The same. */
  async json<T>(operationId: string, question: Question): Promise<T> {
    return JSON.parse(await this.#ask(operationId, question, 'application/json')) as T;
  }

  /** Throws a `ToolProblem` for a service of which no span is stored. */
  async expectService(service: string): Promise<void> {
    const { services } = await this.json<Named<'services'>>('listServices', {});
    expectKnown('service', service, services);
  }

  /** The same for a span's name in a service. */
  async expectOperation(service: string, operation: string): Promise<void> {
    const { operations } = await this.json<Named<'operations'>>('listOperations', { query: { service } });
    expectKnown('operation', operation, operations);
  }

  async #ask(operationId: string, { path = {}, query = {}, body }: Question, accept: string): Promise<string> {
    const route = this.#routes.get(operationId);
    if (route === undefined) throw new Error(`no route is called ${operationId}`);
    const { headers, access, signal } = this.by;
    const pairs = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [value].flat().map((one): [string, string] => [name, String(one)]),
    );
    const response = await route.handle({
      path: Object.fromEntries(Object.entries(path).map(([name, value]) => [name, encodeURIComponent(value)])),
      query: new URLSearchParams(pairs),
      headers: { ...headers, accept },
      body: body === undefined ? NO_BODY : Buffer.from(JSON.stringify(body)),
      access,
      signal,
    });
    if (typeof response.body !== 'string') throw new Error(`${operationId} answers in pieces`);
    return response.body;
  }
}

const NO_BODY = new Uint8Array(0);

type Named<K extends string> = Readonly<Record<K, readonly { readonly name: string; readonly isOthers: boolean }[]>>;

function expectKnown(what: string, name: string, known: Named<'all'>['all']): void {
  // Of those that are counted together the names are not known.
  if (known.some((one) => one.name === name || one.isOthers)) return;
  throw new ToolProblem(
    unknown(
      what,
      name,
      known.map((one) => one.name),
    ),
  );
}

/** Names that are looked at for the nearest one, and their length: it takes a time that is their product. */
const CANDIDATES_MAX = 1_000;
const CANDIDATE_UNITS_MAX = 200;
const NAMED_MAX = 10;

/** One line on a name that is not known, with the nearest that is, or some. */
export function unknown(what: string, name: string, known: readonly string[]): string {
  const candidates = known.filter((one) => one.length <= CANDIDATE_UNITS_MAX).slice(0, CANDIDATES_MAX);
  const nearest = name.length > CANDIDATE_UNITS_MAX ? null : closest(name, candidates);
  const some = candidates.slice(0, NAMED_MAX).map((one) => markdownCode(one));
  const more = known.length > some.length ? ` and ${known.length - some.length} more` : '';
  const hint =
    nearest !== null
      ? `nearest: ${markdownCode(nearest)}`
      : some.length === 0
        ? 'none is known yet'
        : `known: ${some.join(', ')}${more}`;
  return `${what} ${markdownCode(name, CANDIDATE_UNITS_MAX)} is unknown; ${hint}`;
}
