import type { Refusal } from './refusal.ts';

/** Where a route is. */
export interface RoutePath {
  /** GET answers HEAD as well (RFC 9110, section 9.3.2). */
  readonly method: string;
  /** Segments in braces are parameters: `/api/v1/traces/{traceId}`. */
  readonly path: string;
  /** Other paths for the same, without parameters. */
  readonly aliases?: readonly string[];
}

export interface RouteMatch<R> {
  readonly route: R;
  /** The path's parameters by name, percent-encoded as they came. */
  readonly path: Readonly<Record<string, string>>;
}

/** Finds the route of a request. Paths without parameters are looked up, whatever their number. */
export class Router<R extends RoutePath> {
  readonly #fixed = new Map<string, RouteMatch<R>[]>();
  readonly #patterns: { readonly segments: readonly string[]; readonly route: R }[] = [];

  constructor(routes: Iterable<R>) {
    for (const route of routes) {
      if (route.path.includes('{')) this.#patterns.push({ segments: route.path.split('/'), route });
      else this.#fix(route.path, route);
      for (const alias of route.aliases ?? []) this.#fix(alias, route);
    }
  }

  /** Returns the routes at a path, one for each method; none where nothing is there. */
  at(path: string): readonly RouteMatch<R>[] {
    const fixed = this.#fixed.get(path);
    if (fixed !== undefined || this.#patterns.length === 0) return fixed ?? NOTHING;
    const given = path.split('/');
    return this.#patterns.flatMap(({ segments, route }) => {
      const parameters = matchSegments(segments, given);
      return parameters === null ? [] : [{ route, path: parameters }];
    });
  }

  #fix(path: string, route: R): void {
    const match = { route, path: {} };
    const others = this.#fixed.get(path);
    if (others === undefined) this.#fixed.set(path, [match]);
    else others.push(match);
  }
}

const NOTHING: readonly never[] = [];

/** Returns the one of the routes at a path that has the method; undefined where none has. */
export function matchMethod<R extends RoutePath>(
  matches: readonly RouteMatch<R>[],
  method = '',
): RouteMatch<R> | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  for (const match of matches) if (match.route.method === asked) return match;
  return undefined;
}

/** 405 for a method that a path has no route for, of those that it has. */
export function methodNotAllowed(method: string | undefined, routes: readonly Pick<RoutePath, 'method'>[]): Refusal {
  const methods = new Set(routes.map((route) => route.method));
  const allow = [...(methods.has('GET') ? ['GET', 'HEAD'] : []), ...methods];
  const accepted = [...new Set(allow)].join(', ');
  const message = `method ${method} is not allowed here; allowed: ${accepted}`;
  return { status: 405, code: 'method_not_allowed', message, headers: { allow: accepted } };
}

function matchSegments(pattern: readonly string[], given: readonly string[]): Record<string, string> | null {
  if (pattern.length !== given.length) return null;
  const parameters: Record<string, string> = {};
  for (const [i, segment] of pattern.entries()) {
    const actual = given[i] ?? '';
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined ? segment !== actual : actual === '') return null;
    if (name !== undefined) parameters[name] = actual;
  }
  return parameters;
}
