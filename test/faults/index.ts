import type { Fault } from './incident.ts';
import { cacheFaults } from './kinds/cache.ts';
import { combinedFaults } from './kinds/combined.ts';
import { databaseFaults } from './kinds/database.ts';
import { deployFaults } from './kinds/deploys.ts';
import { errorFaults } from './kinds/errors.ts';
import { instanceFaults } from './kinds/instances.ts';
import { networkFaults } from './kinds/network.ts';
import { noFaults } from './kinds/no-fault.ts';
import { overloadFaults } from './kinds/overload.ts';
import { queueFaults } from './kinds/queues.ts';
import { thirdPartyFaults } from './kinds/third-party.ts';
import type { FaultKind } from './simulate.ts';
import { simulate } from './simulate.ts';

export const kinds: readonly FaultKind[] = [
  ...databaseFaults,
  ...cacheFaults,
  ...networkFaults,
  ...instanceFaults,
  ...deployFaults,
  ...errorFaults,
  ...queueFaults,
  ...thirdPartyFaults,
  ...overloadFaults,
  ...combinedFaults,
  ...noFaults,
];

/** Every kind of fault, and of traffic that is none. */
export const faults: readonly Fault[] = kinds.map((kind) => ({
  name: kind.name,
  group: kind.group,
  generate: (seed, options) => simulate(kind, seed, options).incident,
}));

export { quietHours } from './quiet-hours.ts';
export { toTracesData } from './traces-data.ts';
