import { EventEmitter } from 'node:events';
import { ROOT_CONTEXT, type Context, type ContextManager } from '@opentelemetry/api';
import { sharedStore, type ActiveStore } from '../context/active-store.ts';
import { toOtel, fromOtelChecked, type ActiveContext } from '../context/active-context.ts';
import { property } from '../runtime/property.ts';

/** Says that a context manager works over the store that all copies of this package share. */
export const IS_OURS = Symbol.for('throughline.contextManager.1');

/**
 * The active span and context behind OpenTelemetry's interface. What one with a store of its own makes active no other
 * one sees.
 */
export class StorageContextManager implements ContextManager {
  readonly [IS_OURS]: boolean;
  readonly #store: ActiveStore;

  constructor(store: ActiveStore = sharedStore) {
    this.#store = store;
    this[IS_OURS] = store === sharedStore;
  }

  active(): Context {
    return toOtel(this.#store.current());
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const active = contextToActivate(context);
    return this.#store.run(active, () => fn.apply(thisArg, args));
  }

  bind<T>(context: Context, target: T): T {
    const active = contextToActivate(context);
    if (isEventEmitter(target)) return bindEmitter(target, (fn) => this.#bound(active, fn));
    return typeof target === 'function' ? (this.#bound(active, target as unknown as Listener) as unknown as T) : target;
  }

  /** OpenTelemetry API 1.10: makes a context active from here on, until the token is disposed of. */
  attach(context: Context): { dispose(): void } {
    const leave = this.#store.enter(contextToActivate(context));
    let isAttached = true;
    return {
      dispose() {
        if (isAttached) leave();
        isAttached = false;
      },
    };
  }

  enable(): this {
    return this;
  }

  /** Nothing is active any more, here and in whatever is under way. */
  disable(): this {
    this.#store.renew();
    return this;
  }

  #bound(active: ActiveContext, fn: Listener): Listener {
    const store = this.#store;
    const since = store.epoch();
    const wrapper: Listener = function (this: unknown, ...args) {
      if (store.epoch() !== since) return fn.apply(this, args);
      return store.run(active, () => fn.apply(this, args));
    };
    const length = property(fn, 'length');
    if (typeof length === 'number') Object.defineProperty(wrapper, 'length', { configurable: true, value: length });
    return wrapper;
  }
}

/** What to make active for a context that somebody handed over; anything that is none holds nothing. */
function contextToActivate(context: Context): ActiveContext {
  return fromOtelChecked(context) ?? ROOT_CONTEXT;
}

type Listener = (this: unknown, ...args: unknown[]) => unknown;

function isEventEmitter(target: unknown): target is EventEmitter {
  try {
    return target instanceof EventEmitter;
  } catch {
    return false;
  }
}

const ADD_METHODS = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'] as const;
const REMOVE_METHODS = ['off', 'removeListener'] as const;

/** Makes every listener that is added from now on run through `wrap`, and still be removable by its own identity. */
function bindEmitter<T extends EventEmitter>(emitter: T, wrap: (fn: Listener) => Listener): T {
  const wrappers = new WeakMap<Listener, Listener>();
  // `once` calls `on` on the emitter itself: the inner call must not wrap again.
  let isAdding = false;
  const methods = emitter as unknown as Record<string, (event: string | symbol, listener: Listener) => unknown>;
  for (const name of ADD_METHODS) {
    const original = methods[name];
    if (original === undefined) continue;
    methods[name] = function (event, listener) {
      if (isAdding || typeof listener !== 'function') return original.call(emitter, event, listener);
      const wrapper = wrappers.get(listener) ?? wrap(listener);
      wrappers.set(listener, wrapper);
      isAdding = true;
      try {
        return original.call(emitter, event, wrapper);
      } finally {
        isAdding = false;
      }
    };
  }
  for (const name of REMOVE_METHODS) {
    const original = methods[name];
    if (original === undefined) continue;
    methods[name] = (event, listener) => original.call(emitter, event, wrappers.get(listener) ?? listener);
  }
  return emitter;
}
