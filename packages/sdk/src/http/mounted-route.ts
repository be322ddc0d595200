import type { IncomingMessage } from 'node:http';
import { property } from '../runtime/property.ts';
import { attempt } from './attempt.ts';

/**
 * The route of a request to Express: the paths of the routers that are mounted one in the other, and that of the route,
 * as they were written. Express keeps what was sent in `baseUrl`, and unwinds it before an error handler responds; so
 * both are read at the moment that they are set, when `params` still names the values of their parameters.
 */
export class MountedRoute {
  readonly #request: IncomingMessage;
  /** The pattern of each `baseUrl` that the request has had. */
  readonly #patterns = new Map<string, string>([['', '']]);
  #baseUrl: unknown;
  #current: unknown;
  #route: string | undefined;

  constructor(request: IncomingMessage) {
    this.#request = request;
    attempt(() => this.#follow());
  }

  route(): string | undefined {
    return this.#route;
  }

  #follow(): void {
    const request: object = this.#request;
    // A middleware may follow the first mount.
    this.#mount(property(request, 'baseUrl'));
    this.#enter(property(request, 'route'));
    Object.defineProperties(request, {
      baseUrl: this.#accessor(
        () => this.#baseUrl,
        (value) => this.#mount(value),
      ),
      route: this.#accessor(
        () => this.#current,
        (value) => this.#enter(value),
      ),
    });
  }

  #accessor(get: () => unknown, set: (value: unknown) => void): PropertyDescriptor {
    return { configurable: true, enumerable: true, get, set };
  }

  #mount(value: unknown): void {
    const before = this.#baseUrl;
    this.#baseUrl = value;
    if (typeof value !== 'string' || this.#patterns.has(value)) return;
    const outer = typeof before === 'string' && value.startsWith(before) ? before : '';
    const pattern = attempt(() => withNames(value.slice(outer.length), property(this.#request, 'params')));
    this.#patterns.set(value, (this.#patterns.get(outer) ?? '') + (pattern ?? ''));
  }

  #enter(value: unknown): void {
    this.#current = value;
    const path = property(value, 'path');
    const pattern =
      typeof path === 'string'
        ? path
        : path === undefined
          ? undefined
          : attempt(() => String(path as RegExp | string[]));
    if (pattern === undefined) return;
    const mount = typeof this.#baseUrl === 'string' ? (this.#patterns.get(this.#baseUrl) ?? '') : '';
    this.#route = mount + pattern;
  }
}

/** The path with the names of its parameters in the place of their values. */
function withNames(path: string, params: unknown): string {
  if (typeof params !== 'object' || params === null) return path;
  let named = `${path}/`;
  for (const [name, value] of Object.entries(params)) {
    const text: unknown = Array.isArray(value) ? value.join('/') : value;
    if (typeof text !== 'string' || text === '') continue;
    for (const sent of [text, encodeURIComponent(text), encodeURI(text)]) {
      if (!named.includes(`/${sent}/`)) continue;
      named = named.replaceAll(`/${sent}/`, () => `/:${name}/`);
      break;
    }
  }
  return named.slice(0, -1);
}
