import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';
import type { Stored } from './context.ts';
import { processWide } from './process-wide.ts';

/**
 * What is active in the current execution and everything asynchronous that follows from it. `AsyncLocalStorage` carries it; entering and
 * leaving a span goes by shorter ways where this version of Node has them, because `AsyncLocalStorage` costs more than all else
 * that a span does. Both ways are found by looking, not by version, and `enterWith` is the way where neither is found. See
 * docs/decisions/0008-short-ways-into-async-context.md. All copies of this package share them: the spans of another are contexts to this one.
 */
const { storage, resourceKey, frames } = processWide('activeStore.1', () => newStorage(new AsyncLocalStorage()));

interface Storage {
  readonly storage: AsyncLocalStorage<Stored>;
  /**
   * The property in which Node before 24 keeps a storage's value on the current asynchronous resource: two look-ups of the resource a span,
   * without further checks, instead of three with them.
   */
  readonly resourceKey: symbol | undefined;
  /** What keeps all values together since Node 24: leaving a span sets the frame from before, where `enterWith` copies it once more. */
  readonly frames: Frames | undefined;
}

function newStorage(made: AsyncLocalStorage<Stored>): Storage {
  const key = resourceKeyOf(made);
  return { storage: made, resourceKey: key, frames: key === undefined ? framesOf(made) : undefined };
}

/** Whether Node passes the value on from resource to resource yet. Until a span is active, it costs the application nothing. */
let isEnabled = false;

type ResourceWithStore = Record<symbol, Stored | undefined>;

/** Node's internal AsyncContextFrame, as far as it is used here. */
interface Frames {
  current(): unknown;
  set(frame: unknown): void;
}

/** Where another context manager keeps what is active. */
export interface ForeignContext {
  active(): Stored | undefined;
  run<Result>(stored: Stored | undefined, fn: () => Result): Result;
}

/** Set while OpenTelemetry's API hands out somebody else's context manager: then that says what is active. */
let foreign: ForeignContext | undefined;

export function useForeignContext(context: ForeignContext | undefined): void {
  foreign = context;
}

export function activeStore(): Stored | undefined {
  return foreign === undefined ? ownStore() : foreign.active();
}

/** What is active in our own storage, whoever else keeps something. */
export function ownStore(): Stored | undefined {
  if (resourceKey === undefined) return storage.getStore();
  return (executionAsyncResource() as ResourceWithStore)[resourceKey];
}

/** Runs `fn` with something active, or with nothing: an undefined store is a store too. */
export function runWith<Args extends unknown[], Result>(
  stored: Stored | undefined,
  fn: (...args: Args) => Result,
  ...args: Args
): Result {
  return foreign === undefined ? runInOwn(stored, fn, ...args) : foreign.run(stored, () => fn(...args));
}

export function runInOwn<Args extends unknown[], Result>(
  stored: Stored | undefined,
  fn: (...args: Args) => Result,
  ...args: Args
): Result {
  if (frames === undefined) return storage.run(stored as Stored, fn, ...args);
  return runInFrame(frames, stored, storage.getStore(), () => fn(...args), undefined);
}

/** The same for a function that takes a span, where it is known what is active `before`. */
export function runWithSpan<Span, Result>(
  stored: Stored,
  before: Stored | undefined,
  fn: (span: Span) => Result,
  span: Span,
): Result {
  if (foreign !== undefined) return foreign.run(stored, () => fn(span));
  if (resourceKey !== undefined && isEnabled) {
    const resource = executionAsyncResource() as ResourceWithStore;
    resource[resourceKey] = stored;
    try {
      return fn(span);
    } finally {
      resource[resourceKey] = before;
    }
  }
  if (frames !== undefined) return runInFrame(frames, stored, before, fn, span);
  isEnabled = true;
  storage.enterWith(stored);
  try {
    return fn(span);
  } finally {
    storage.enterWith(before as Stored);
  }
}

function runInFrame<Span, Result>(
  used: Frames,
  stored: Stored | undefined,
  before: Stored | undefined,
  fn: (span: Span) => Result,
  span: Span,
): Result {
  const outer = used.current();
  storage.enterWith(stored as Stored);
  const entered = used.current();
  try {
    return fn(span);
  } finally {
    // What `fn` entered into other storages stays, as it does after `AsyncLocalStorage.run`.
    if (used.current() === entered) used.set(outer);
    else storage.enterWith(before as Stored);
  }
}

/** Makes something active for the rest of the current execution and what follows from it; `runWith` is the rule. */
export function enterStore(stored: Stored | undefined): void {
  storage.enterWith(stored as Stored);
}

/** `undefined` unless a value that is stored shows up under the key, and is gone after it. */
function resourceKeyOf(probed: AsyncLocalStorage<Stored>): symbol | undefined {
  const key: unknown = Reflect.get(probed, 'kResourceStore');
  if (typeof key !== 'symbol') return undefined;
  const probe = {} as Stored;
  const valueNow = (): unknown => (executionAsyncResource() as ResourceWithStore)[key];
  const isThere = probed.run(probe, () => valueNow() === probe);
  const isGone = valueNow() === undefined;
  // Enabled again by the first span.
  probed.disable();
  return isThere && isGone ? key : undefined;
}

/** `undefined` unless the frame's class does what is expected of it. Leaves the frame that it finds. */
function framesOf(probed: AsyncLocalStorage<Stored>): Frames | undefined {
  const probe = {} as Stored;
  try {
    const outside = new AsyncResource('throughline.probe');
    probed.enterWith(probe);
    const inside = new AsyncResource('throughline.probe');
    const key = Object.getOwnPropertySymbols(inside).find((symbol) => typeof Reflect.get(inside, symbol) === 'object');
    const [outer, inner]: unknown[] = key === undefined ? [] : [Reflect.get(outside, key), Reflect.get(inside, key)];
    const frameClass = inner?.constructor as Frames | undefined;
    if (typeof frameClass?.current !== 'function' || typeof frameClass.set !== 'function') {
      probed.enterWith(undefined as unknown as Stored);
      return undefined;
    }
    const found: Frames = { current: () => frameClass.current(), set: (frame) => frameClass.set(frame) };
    const isInner = found.current() === inner;
    found.set(outer);
    return isInner && found.current() === outer && probed.getStore() === undefined ? found : undefined;
  } catch {
    return undefined;
  }
}
