import { EngineError, type Engine } from './engine.ts';

/**
 * The engine for queries: they wait for nothing, and are answered `unavailable` until what has been stored is counted
 * as well.
 */
export function answersWhenOpen<E extends Pick<Engine, 'query'>>(engine: E, isOpen: () => boolean): E {
  return new Proxy(engine, {
    get: (target, key) => {
      if (key === 'query') {
        return (...given: Parameters<Engine['query']>): ReturnType<Engine['query']> =>
          isOpen() ? target.query(...given) : Promise.reject(new EngineError('unavailable', 'the store is starting'));
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
