import { property } from '../runtime/property.ts';

/**
 * Gives a promise what the one that it replaces has besides: `kill` of a child process that is awaited, `cancel`
 * of a request. Members of promises in general stay its own. Never throws.
 */
export function keepMembers(original: PromiseLike<unknown>, promise: PromiseLike<unknown>): void {
  try {
    if (Object.getPrototypeOf(original) === Promise.prototype && Object.keys(original).length === 0) return;
    for (const name of memberNames(original)) {
      if (name in promise) continue;
      Object.defineProperty(promise, name, {
        configurable: true,
        enumerable: true,
        get: () => memberOf(original, name),
      });
    }
  } catch {
    // What somebody else has made may refuse anything; it settles all the same.
  }
}

function memberNames(original: object): Set<string> {
  const names = new Set(Object.keys(original));
  for (
    let prototype: unknown = Object.getPrototypeOf(original);
    typeof prototype === 'object' &&
    prototype !== null &&
    prototype !== Promise.prototype &&
    prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype)) names.add(name);
  }
  names.delete('constructor');
  return names;
}

function memberOf(original: object, name: string): unknown {
  const member = property(original, name);
  return typeof member === 'function' ? (member.bind(original) as unknown) : member;
}
