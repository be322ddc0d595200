import { context as contextApi } from '@opentelemetry/api';
import { activeContext, runWith, useForeignContext, type ForeignContext } from '../context/active-store.ts';
import { toOtel, fromOtelChecked, type ActiveContext } from '../context/active-context.ts';
import { IS_OURS } from './storage-context-manager.ts';
import { property } from '../runtime/property.ts';

/** Where `@opentelemetry/api` keeps what is registered, in whatever copy an application has. */
const API = Symbol.for('opentelemetry.js.api.1');
const shared = globalThis as { [API]?: { context?: unknown } };

/**
 * Looking costs up to a tenth of a span, where nothing was ever registered: one local root of so many looks. A power of
 * two.
 */
const LOOK_EVERY_ROOTS = 16;

/** Once it is there it stays the same object. */
let registered = shared[API];
let known: unknown;
/** The first one does. */
let roots = -1;

/** That manager may be gone by now: then what is active is looked up again. */
const throughTheApi: ForeignContext = {
  active: () => (hasChanged() ? activeContext() : fromOtelChecked(contextApi.active())),
  run: (active, fn) => (hasChanged() ? runWith(active, fn) : contextApi.with(toOtel(active), fn)),
};

/**
 * Sees who keeps what is active: another context manager may be registered before ours, or in its place. There is no
 * event for it, so this is called where a tracer is made or registered, now and then where nothing is active, and with
 * each call through OpenTelemetry's API, for the price of a look at a property.
 */
export function lookForContextManager(): void {
  registered ??= shared[API];
  hasChanged();
}

/**
 * What is active where nothing is in what was known to keep it: nothing, unless it is seen that another one keeps it
 * now.
 */
export function activeElsewhere(): ActiveContext | undefined {
  roots = (roots + 1) & (LOOK_EVERY_ROOTS - 1);
  if (roots !== 0) return undefined;
  registered ??= shared[API];
  return hasChanged() ? activeContext() : undefined;
}

function hasChanged(): boolean {
  const manager = registered?.context;
  if (manager === known) return false;
  known = manager;
  const isOthers = manager !== undefined && manager !== null && property(manager, IS_OURS) !== true;
  useForeignContext(isOthers ? throughTheApi : undefined);
  return true;
}
