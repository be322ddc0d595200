import type { Fault } from './incident.ts';
import { databaseFaults } from './kinds/database.ts';
import type { FaultKind } from './simulate.ts';
import { simulate } from './simulate.ts';

export const kinds: readonly FaultKind[] = [...databaseFaults];

/** Every kind of fault, and of traffic that is none. */
export const faults: readonly Fault[] = kinds.map((kind) => ({
  name: kind.name,
  group: kind.group,
  generate: (seed, options) => simulate(kind, seed, options).incident,
}));

export { quietHours } from './quiet-hours.ts';
export { toTracesData } from './traces-data.ts';
