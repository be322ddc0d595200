import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';
import type { ActiveContext } from './active-context.ts';
import { processWide } from '../runtime/process-wide.ts';

/**
 * What is active in the current execution and everything asynchronous that follows from it. `AsyncLocalStorage` carries
 * it; entering and leaving a span goes by shorter ways where this version of Node has them, because `AsyncLocalStorage`
 * costs more than all else that a span does. Both ways are found by looking, not by version, and `enterWith` is the way
 * where neither is found. See docs/decisions/0008-short-ways-into-async-context.md.
 */
export interface ActiveStore {
  readonly way: Way;
  readonly current: () => ActiveContext | undefined;
  /** Runs `fn` with something active, or with nothing: an undefined store is a store too. */
  readonly run: <Args extends unknown[], Result>(
    active: ActiveContext | undefined,
    fn: (...args: Args) => Result,
    ...args: Args
  ) => Result;
  /** The same for a function that takes a span, where it is known what is active `before`. */
  readonly runWithSpan: <Span, Result>(
    active: ActiveContext,
    before: ActiveContext | undefined,
    fn: (span: Span) => Result,
    span: Span,
  ) => Result;
  /**
   * Makes something active for the rest of the current execution and what follows from it, or until what it returns is
   * called; `run` is the rule.
   */
  readonly enter: (active: ActiveContext | undefined) => () => void;
  /** Nothing is active any more, wherever it was entered, and what is entered from now on is as ever. */
  readonly renew: () => void;
  /** Counts how often it was renewed: what was active in another epoch is not to be entered again. */
  readonly epoch: () => number;
}

/**
 * `resource`: the property in which Node before 24 keeps a storage's value on the current asynchronous resource: two
 * look-ups of the resource a span, without further checks, instead of three with them. `frame`: what keeps all values
 * together since Node 24; leaving a span sets the frame from before, where `enterWith` copies it once more. `public`:
 * nothing but what Node documents.
 */
export type Way = 'resource' | 'frame' | 'public';

type ResourceWithStore = Record<symbol, ActiveContext | undefined>;

/** Node's internal AsyncContextFrame, as far as it is used here. */
interface Frames {
  current(): unknown;
  set(frame: unknown): void;
}

/** By the fastest way there is, or by the given one: then `undefined` where this Node does not have it. */
export function activeStoreOf(): ActiveStore;
export function activeStoreOf(way: Way): ActiveStore | undefined;
export function activeStoreOf(asked?: Way): ActiveStore | undefined {
  const isAsked = (way: Way): boolean => asked === undefined || asked === way;
  let storage = new AsyncLocalStorage<ActiveContext>();
  let resourceKey = isAsked('resource') ? resourceKeyOf(storage) : undefined;
  const frames = resourceKey === undefined && isAsked('frame') ? framesOf(storage) : undefined;
  /**
   * Whether Node passes the value on from resource to resource yet. Until a span is active, it costs the application
   * nothing.
   */
  let isEnabled = false;
  let renewals = 0;

  const way = resourceKey === undefined ? (frames === undefined ? 'public' : 'frame') : 'resource';
  if (!isAsked(way)) return undefined;

  function current(): ActiveContext | undefined {
    if (resourceKey === undefined) return storage.getStore();
    return (executionAsyncResource() as ResourceWithStore)[resourceKey];
  }

  function run<Args extends unknown[], Result>(
    active: ActiveContext | undefined,
    fn: (...args: Args) => Result,
    ...args: Args
  ): Result {
    if (frames === undefined) {
      isEnabled = true;
      return storage.run(active as ActiveContext, fn, ...args);
    }
    return runInFrame(frames, active, storage.getStore(), () => fn(...args), undefined);
  }

  function runWithSpan<Span, Result>(
    active: ActiveContext,
    before: ActiveContext | undefined,
    fn: (span: Span) => Result,
    span: Span,
  ): Result {
    if (resourceKey !== undefined && isEnabled) {
      const resource = executionAsyncResource() as ResourceWithStore;
      const key = resourceKey;
      resource[key] = active;
      try {
        return fn(span);
      } finally {
        resource[key] = before;
      }
    }
    if (frames !== undefined) return runInFrame(frames, active, before, fn, span);
    isEnabled = true;
    const entered = storage;
    entered.enterWith(active);
    try {
      return fn(span);
    } finally {
      // Not where it has been given up meanwhile: that would have Node carry it again.
      if (entered === storage) entered.enterWith(before as ActiveContext);
    }
  }

  function runInFrame<Span, Result>(
    used: Frames,
    active: ActiveContext | undefined,
    before: ActiveContext | undefined,
    fn: (span: Span) => Result,
    span: Span,
  ): Result {
    const outer = used.current();
    const own = storage;
    own.enterWith(active as ActiveContext);
    const entered = used.current();
    try {
      return fn(span);
    } finally {
      // What `fn` entered into other storages stays, as it does after `AsyncLocalStorage.run`.
      if (used.current() === entered) used.set(outer);
      else if (own === storage) own.enterWith(before as ActiveContext);
    }
  }

  return {
    way,
    current,
    run,
    runWithSpan,
    enter(active) {
      const before = current();
      const entered = storage;
      isEnabled = true;
      entered.enterWith(active as ActiveContext);
      return () => {
        if (entered === storage) entered.enterWith(before as ActiveContext);
      };
    },
    renew() {
      // A storage that is disabled shows its old values again as soon as it is entered again (Node before 24), or goes
      // on showing them elsewhere (since then). Of another one nobody has entered anything.
      storage.disable();
      storage = new AsyncLocalStorage<ActiveContext>();
      isEnabled = false;
      renewals++;
      if (resourceKey !== undefined) resourceKey = resourceKeyOf(storage);
    },
    epoch: () => renewals,
  };
}

/**
 * What all tracers of this process share, those of other copies of this package too: a span of one is the parent of
 * another's.
 */
export const sharedStore: ActiveStore = processWide('activeStore.1', () => activeStoreOf());
/** What is active in our own storage, whoever else keeps something. */
export const ownContext = sharedStore.current;

/** Where another context manager keeps what is active. */
export interface ForeignContext {
  active(): ActiveContext | undefined;
  run<Result>(active: ActiveContext | undefined, fn: () => Result): Result;
}

/** Whoever keeps what is active: our own storage, or another context manager. */
type Keeper = Pick<ActiveStore, 'current' | 'run' | 'runWithSpan'>;

/**
 * Who keeps it now. Properties that change, and no check before each call: these are on the path of every
 * span. And no variables that are exported and change, since importers of the published bundle would keep what these
 * were first.
 */
export const keeper: Keeper & { -readonly [Name in keyof Keeper]: Keeper[Name] } = {
  current: sharedStore.current,
  run: sharedStore.run,
  runWithSpan: sharedStore.runWithSpan,
};

/** What is active here, whoever keeps it. */
export function activeContext(): ActiveContext | undefined {
  return keeper.current();
}

/** `run` of whoever keeps what is active. */
export function runWith<Args extends unknown[], Result>(
  active: ActiveContext | undefined,
  fn: (...args: Args) => Result,
  ...args: Args
): Result {
  return keeper.run(active, fn, ...args);
}

/** For `runAgain`: the epoch in which something is stored for later. */
export const epoch = sharedStore.epoch;

/**
 * Runs `fn` with something active that was stored in an epoch, or as it is called where that is over: its span is of a
 * tracer that is gone.
 */
export function runAgain<Args extends unknown[], Result>(
  since: number,
  active: ActiveContext | undefined,
  fn: (...args: Args) => Result,
  ...args: Args
): Result {
  return since === epoch() ? keeper.run(active, fn, ...args) : fn(...args);
}

/** For as long as OpenTelemetry's API hands out somebody else's context manager, that says what is active. */
export function useForeignContext(foreign: ForeignContext | undefined): void {
  keeper.current = foreign === undefined ? sharedStore.current : () => foreign.active();
  keeper.run =
    foreign === undefined ? sharedStore.run : (active, fn, ...args) => foreign.run(active, () => fn(...args));
  keeper.runWithSpan =
    foreign === undefined
      ? sharedStore.runWithSpan
      : (active, _before, fn, span) => foreign.run(active, () => fn(span));
}

/** `undefined` unless a value that is stored shows up under the key, and is gone after it. */
function resourceKeyOf(probed: AsyncLocalStorage<ActiveContext>): symbol | undefined {
  const key: unknown = Reflect.get(probed, 'kResourceStore');
  if (typeof key !== 'symbol') return undefined;
  const probe = {} as ActiveContext;
  const valueNow = (): unknown => (executionAsyncResource() as ResourceWithStore)[key];
  const isThere = probed.run(probe, () => valueNow() === probe);
  const isGone = valueNow() === undefined;
  // Enabled again by the first span.
  probed.disable();
  return isThere && isGone ? key : undefined;
}

/** `undefined` unless the frame's class does what is expected of it. Leaves the frame that it finds. */
function framesOf(probed: AsyncLocalStorage<ActiveContext>): Frames | undefined {
  const probe = {} as ActiveContext;
  try {
    const outside = new AsyncResource('throughline.probe');
    probed.enterWith(probe);
    const inside = new AsyncResource('throughline.probe');
    const key = Object.getOwnPropertySymbols(inside).find((symbol) => typeof Reflect.get(inside, symbol) === 'object');
    const [outer, inner]: unknown[] = key === undefined ? [] : [Reflect.get(outside, key), Reflect.get(inside, key)];
    const frameClass = inner?.constructor as Frames | undefined;
    if (typeof frameClass?.current !== 'function' || typeof frameClass.set !== 'function') {
      probed.enterWith(undefined as unknown as ActiveContext);
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
