import { context as contextApi } from '@opentelemetry/api';
import { useForeignContext, type ForeignContext } from '../context/active-store.ts';
import { contextOf, storeOfGiven } from '../context/context.ts';
import { IS_OURS } from './context-manager.ts';
import { property } from '../runtime/property.ts';

/** Where `@opentelemetry/api` keeps what is registered, in whatever copy an application has. */
const API = Symbol.for('opentelemetry.js.api.1');
const shared = globalThis as { [API]?: { context?: unknown } };

let known: unknown;

const throughTheApi: ForeignContext = {
  active: () => storeOfGiven(contextApi.active()),
  run: (stored, fn) => contextApi.with(contextOf(stored), fn),
};

/**
 * Sees who keeps what is active: another context manager may be registered before ours, or in its place. Nobody tells of it, so it is called where a
 * tracer is made or registered, and with each call through OpenTelemetry's API, for the price of a look at a property.
 */
export function lookForContextManager(): void {
  const manager = shared[API]?.context;
  if (manager === known) return;
  known = manager;
  const isOthers = manager !== undefined && manager !== null && property(manager, IS_OURS) !== true;
  useForeignContext(isOthers ? throughTheApi : undefined);
}
