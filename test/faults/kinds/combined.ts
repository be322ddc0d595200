import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import { databaseFaults } from './database.ts';
import { deployFaults } from './deploys.ts';
import { errorFaults } from './errors.ts';
import { instanceFaults } from './instances.ts';
import { networkFaults } from './network.ts';
import { noFaults } from './no-fault.ts';
import { thirdPartyFaults } from './third-party.ts';

const all = [
  ...databaseFaults,
  ...deployFaults,
  ...errorFaults,
  ...instanceFaults,
  ...networkFaults,
  ...thirdPartyFaults,
  ...noFaults,
];

/** Two at once, in services that have nothing in common; the second may be none. */
function both(name: string, first: string, second: string): FaultKind {
  return {
    name,
    group: 'two-at-once',
    plan: (site) => {
      const one = plannedAt(site, first);
      if (!one) return null;
      for (let attempt = 0; attempt < 8; attempt += 1) {
        const other = plannedAt(site, second);
        if (
          other &&
          ![...other.truth.services, ...(other.touches ?? [])].some((service) => one.truth.services.includes(service))
        ) {
          return merged(one, other);
        }
      }
      return null;
    },
  };
}

function plannedAt(site: Site, name: string): FaultPlan | null {
  const kind = all.find((each) => each.name === name);
  if (!kind) throw new Error(`no kind of fault is called ${name}`);
  return kind.plan(site);
}

function merged(one: FaultPlan, other: FaultPlan): FaultPlan {
  const isOtherFault = other.truth.conclusion !== 'nothing-unusual';
  const { services, operations, description, resource = null } = one.truth;
  return {
    truth: {
      services: [...services, ...other.truth.services],
      // Where either is a whole service, any of its operations is right.
      operations:
        isOtherFault && (operations.length === 0 || other.truth.operations.length === 0)
          ? []
          : [...operations, ...other.truth.operations],
      resource: isOtherFault ? null : resource,
      description: `${description}; ${isOtherFault ? '' : 'no fault: '}${other.truth.description}`,
    },
    prepare: () => {
      one.prepare?.();
      other.prepare?.();
    },
    begin: () => {
      one.begin();
      other.begin();
    },
    touches: [...(one.touches ?? []), ...(other.touches ?? [])],
    effects: isOtherFault ? [...one.effects, ...other.effects] : one.effects,
  };
}

export const combinedFaults: readonly FaultKind[] = [
  both('two-slow-statements', 'slow-statement-x10', 'slow-statement-x10'),
  both('slow-instance-and-failing-third-party', 'slow-instance', 'failing-third-party'),
  both('network-delay-and-exceptions', 'network-delay-between-two', 'exceptions'),
  both('slow-statement-beside-harmless-deploy', 'slow-statement-x10', 'harmless-version'),
  both('slow-statement-during-traffic-shift', 'slow-statement-x10', 'traffic-shift'),
  both('slow-statement-with-parents-sampled-away', 'slow-statement-x10', 'parents-sampled-away'),
  both('slow-statement-beside-clock-skew', 'slow-statement-x10', 'clock-skew'),
  both('exceptions-during-more-traffic', 'exceptions', 'traffic-x3'),
  both('slower-version-beside-harmless-deploy', 'slower-version', 'harmless-version'),
];
