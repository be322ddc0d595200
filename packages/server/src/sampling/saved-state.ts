import { field, isCount } from '../json-value.ts';
import type { SavedOperation } from './operation-state.ts';

const STATE_VERSION = 1;
const KIND_MAX = 4;

/** What is written to the data directory, so that a restart need not learn rates anew. */
export function stateToSave(operations: readonly SavedOperation[]): object {
  return { version: STATE_VERSION, operations };
}

/** The operations of a state that was saved, or `undefined` for what is none. */
export function readSavedState(given: unknown): readonly SavedOperation[] | undefined {
  const operations = field(given, 'operations');
  if (field(given, 'version') !== STATE_VERSION || !Array.isArray(operations)) return undefined;
  const read = operations.map(readOperation);
  return read.every((operation) => operation !== undefined) ? read : undefined;
}

function readOperation(given: unknown): SavedOperation | undefined {
  const service = field(given, 'service');
  const name = field(given, 'name');
  const kind = field(given, 'kind');
  const decidedPerSecond = field(given, 'decidedPerSecond');
  const requests = field(field(given, 'baseline'), 'requests');
  const errors = field(field(given, 'baseline'), 'errors');
  if (typeof service !== 'string' || typeof name !== 'string' || !isCount(kind) || kind > KIND_MAX) return undefined;
  if (!isAmount(decidedPerSecond) || !isAmount(requests) || !isAmount(errors)) return undefined;
  return { service, name, kind, decidedPerSecond, baseline: { requests, errors } };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value);
}
