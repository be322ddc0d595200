import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { Failure, Operation, Person, Service } from '../parts.ts';
import { NULL_POINTER, sometimes, SWALLOWED, TOO_MANY_REQUESTS, UNAUTHORIZED, UNAVAILABLE } from '../failures.ts';

function inOperation(
  name: string,
  group: string,
  plan: (site: Site, operation: Operation, service: Service) => Pick<FaultPlan, 'begin' | 'effects'> & { what: string },
  isMeant: (site: Site, service: string, operation: string) => boolean = () => true,
): FaultKind {
  return {
    name,
    group,
    plan: (site) => {
      const found = site.operation((share) => isMeant(site, share.service, share.operation));
      if (!found) return null;
      const service = site.world.service(found.service);
      const operation = service.operation(found.operation);
      const { what, begin, effects } = plan(site, operation, service);
      return {
        truth: {
          services: [service.name],
          operations: [operation.name],
          description: `${operation.name} of ${service.name} ${what}`,
        },
        begin,
        effects,
      };
    },
  };
}

/** One value of what requests have in common makes the difference. */
function forSome(
  name: string,
  member: keyof Person,
  choose: (site: Site) => { readonly value: string; readonly who: string },
  does: 'fails' | 'slow',
): FaultKind {
  return inOperation(
    name,
    'attribute',
    (site, operation, service) => {
      const { value, who } = choose(site);
      const isMeant = (person: Person): boolean => person[member] === value;
      const key = `${service.name}/${operation.name}`;
      if (does === 'fails') {
        const failure: Failure = { ...NULL_POINTER, message: `no rule for ${value}` };
        return {
          what: `fails for ${who}`,
          begin: () => {
            operation.failure = ({ person }) => (isMeant(person) && site.random.chance(0.9) ? failure : null);
          },
          effects: [{ kind: 'mean-adds', key: `failed ${key}`, by: 0.04 }],
        };
      }
      const factor = site.factorFor(service.name, operation.name, site.random.between(80, 250), 10);
      return {
        what: `takes ${factor.toFixed(0)} times the work for ${who}`,
        begin: () => {
          operation.slowness = ({ person }) => (isMeant(person) ? factor : 1);
        },
        effects: [{ kind: 'mean-rises', key: `work of ${key}`, factor: 1.8 }],
      };
    },
    (site, service, operation) => {
      const share = site.shares.operations.find((each) => each.service === service && each.operation === operation);
      return (share?.perRequest ?? 0) > 0.3 && (does === 'fails' || site.workMs(service, operation) >= 0.8);
    },
  );
}

const aTenant = (site: Site): { value: string; who: string } => {
  const { name } = site.random.pick(site.world.tenants.slice(0, 3));
  return { value: name, who: `tenant ${name}` };
};

const aCountry = (site: Site): { value: string; who: string } => {
  const { name } = site.random.pick(site.world.countries.slice(0, 3));
  return { value: name, who: `requests from ${name}` };
};

const aPaymentMethod = (site: Site): { value: string; who: string } => {
  const { name } = site.random.pick(site.world.paymentMethods.slice(0, 3));
  return { value: name, who: `payments by ${name}` };
};

function refusing(name: string, failure: Failure, what: string, share: (random: number) => number): FaultKind {
  return {
    name,
    group: 'errors',
    plan: (site) => {
      const found = site.service(({ name: service }) => !site.isEntry(service) && site.edgesInto(service).length > 0);
      if (!found) return null;
      const { service } = found;
      const probability = share(site.random.next());
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `${service.name} ${what} for ${(100 * probability).toFixed(0)} % of its requests`,
        },
        begin: () => {
          service.refusal = sometimes(site.random, probability, failure);
        },
        effects: [{ kind: 'mean-adds', key: `failed ${service.name}`, by: probability / 2 }],
      };
    },
  };
}

export const errorFaults: readonly FaultKind[] = [
  inOperation('exceptions', 'errors', (site, operation, service) => {
    const share = site.random.between(0.15, 0.5);
    return {
      what: `throws an exception for ${(100 * share).toFixed(0)} % of its requests`,
      begin: () => {
        operation.failure = sometimes(site.random, share, NULL_POINTER);
      },
      effects: [{ kind: 'mean-adds', key: `failed ${service.name}/${operation.name}`, by: share / 2 }],
    };
  }),
  inOperation('exceptions-without-status', 'errors', (site, operation, service) => {
    const share = site.random.between(0.4, 0.9);
    return {
      what: `swallows an exception for ${(100 * share).toFixed(0)} % of its requests, and answers as if all was well`,
      begin: () => {
        operation.failure = sometimes(site.random, share, SWALLOWED);
      },
      effects: [{ kind: 'mean-adds', key: `failed ${service.name}/${operation.name}`, by: share / 2 }],
    };
  }),
  refusing('rejected-tokens', UNAUTHORIZED, 'answers 401', (random) => 0.4 + 0.6 * random),
  refusing('overload-shed', UNAVAILABLE, 'answers 503', (random) => 0.2 + 0.5 * random),
  {
    name: 'rate-limited',
    group: 'errors',
    plan: (site) => {
      const found = site.service(({ name }) => !site.isEntry(name) && site.edgesInto(name).length > 0);
      if (!found) return null;
      const { service, perRequest } = found;
      // A bucket that fills with half of what is needed.
      const perMs = (0.5 * perRequest * site.ratePerSecond) / 1000;
      let tokens = 2;
      let lastMs = site.sinceMs;
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `a limit of ${(1000 * perMs).toFixed(1)} requests a second has been set for ${service.name}, which gets twice as many`,
        },
        begin: () => {
          service.refusal = () => {
            tokens = Math.min(3, tokens + (site.nowMs - lastMs) * perMs);
            lastMs = site.nowMs;
            if (tokens < 1) return TOO_MANY_REQUESTS;
            tokens -= 1;
            return null;
          };
        },
        effects: [{ kind: 'mean-adds', key: `failed ${service.name}`, by: 0.15 }],
      };
    },
  },
  forSome('slow-for-one-tenant', 'tenant', aTenant, 'slow'),
  forSome('failing-for-one-tenant', 'tenant', aTenant, 'fails'),
  forSome('failing-for-one-country', 'country', aCountry, 'fails'),
  forSome('slow-for-one-country', 'country', aCountry, 'slow'),
  forSome('failing-for-one-payment-method', 'paymentMethod', aPaymentMethod, 'fails'),
  forSome('slow-for-one-payment-method', 'paymentMethod', aPaymentMethod, 'slow'),
];
