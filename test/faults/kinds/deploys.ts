import type { EdgeShare } from '../shares.ts';
import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import { changeSteps } from '../steps.ts';
import type { Step } from '../topology.ts';
import { call, query, repeat } from '../topology.ts';
import type { Operation, Service, Version } from '../parts.ts';
import { operationOf } from '../parts.ts';
import { NULL_POINTER, sometimes } from '../failures.ts';

interface Change {
  readonly service: Service;
  readonly operation: Operation;
  readonly version: Version;
}

/** A new version of a service in which one operation is different, on all of its instances. */
function newVersion(
  name: string,
  isMeant: (site: Site, service: string, operation: string) => boolean,
  change: (
    site: Site,
    change: Change,
  ) => Pick<FaultPlan, 'effects'> & { readonly what: string; readonly right?: string[] },
): FaultKind {
  return {
    name,
    group: 'deploy',
    plan: (site) => {
      const found = site.operation((share) => isMeant(site, share.service, share.operation));
      if (!found) return null;
      const service = site.world.service(found.service);
      const version = site.world.newVersion(service);
      const operation = operationOf(version, found.operation);
      const { what, effects, right = [] } = change(site, { service, operation, version });
      return {
        truth: {
          services: [service.name],
          operations: [operation.name, ...right],
          resource: { 'service.version': version.name },
          description: `${version.name} of ${service.name}: ${operation.name} ${what}`,
        },
        begin: () => site.scene.deploy(service, version, site.random.between(200, 1200)),
        effects,
      };
    },
  };
}

/** The same on one of several instances. */
function canary(
  name: string,
  what: string,
  change: (site: Site, change: Change) => void,
  effect: 'slower' | 'failing',
): FaultKind {
  return {
    name,
    group: 'deploy',
    plan: (site) => {
      const found = site.instance(({ name: service }) => {
        return site.shares.operations.some(
          (share) => share.service === service && site.workMs(service, share.operation) >= 0.8,
        );
      });
      if (!found) return null;
      const { service, instance } = found;
      const version = site.world.newVersion(service);
      const [busiest] = site.shares.operations
        .filter((share) => share.service === service.name && site.workMs(service.name, share.operation) >= 0.8)
        .toSorted((a, b) => b.perRequest - a.perRequest);
      if (!busiest) return null;
      change(site, { service, operation: operationOf(version, busiest.operation), version });
      return {
        truth: {
          services: [service.name],
          operations: [busiest.operation],
          resource: { 'service.version': version.name },
          description: `${version.name} of ${service.name}, on one of its instances: ${busiest.operation} ${what}`,
        },
        begin: () => {
          site.world.restart(service, instance, version);
        },
        effects:
          effect === 'failing'
            ? [{ kind: 'mean-adds', key: `failed ${service.name}/${busiest.operation}`, by: 0.04 }]
            : [{ kind: 'mean-rises', key: `work of ${service.name}/${busiest.operation}`, factor: 1.4 }],
      };
    },
  };
}

const hasWork = (site: Site, service: string, operation: string): boolean => site.workMs(service, operation) >= 0.8;

/** An operation runs differently from now on, without a new version: a flag, or a setting. */
function setting(
  name: string,
  plan: (
    site: Site,
    operation: Operation,
    service: Service,
  ) => (Pick<FaultPlan, 'begin' | 'effects'> & { what: string; right?: string[] }) | null,
  isMeant: (site: Site, service: string, operation: string) => boolean,
): FaultKind {
  return {
    name,
    group: 'lost-calls',
    plan: (site) => {
      const found = site.operation((share) => isMeant(site, share.service, share.operation));
      if (!found) return null;
      const service = site.world.service(found.service);
      const operation = service.operation(found.operation);
      const planned = plan(site, operation, service);
      return (
        planned && {
          truth: {
            services: [service.name],
            operations: [operation.name],
            description: `${operation.name} of ${service.name} ${planned.what}`,
          },
          begin: planned.begin,
          effects: planned.effects,
        }
      );
    },
  };
}

function callsMade(site: Site, service: string, operation: string): EdgeShare[] {
  return site.shares.edges.filter(({ from, operations }) => from === service && operations.includes(operation));
}

/** How much longer an operation would take if it did nothing at once. */
function savedInParallelMs(site: Site, service: string, operation: string): number {
  return site.world
    .service(service)
    .operation(operation)
    .steps.reduce((sum, step) => {
      if (step.kind !== 'parallel') return sum;
      const times = step.steps.map((each) => site.nominalMs([each]));
      return sum + times.reduce((total, ms) => total + ms, 0) - Math.max(...times);
    }, 0);
}

const hasCalls = (site: Site, service: string, operation: string): boolean =>
  callsMade(site, service, operation).length > 0;

/** It calls nobody else in the same way: without its calls, fewer arrive. */
const losesCalls = (site: Site, service: string, operation: string): boolean =>
  callsMade(site, service, operation).some(({ operations }) => operations.length === 1);

function lostCalls(site: Site, service: string, operation: string, factor: number): FaultPlan['effects'] {
  const [edge] = callsMade(site, service, operation).filter(({ operations }) => operations.length === 1);
  return edge ? [{ kind: 'rate-falls', key: `call ${edge.from}>${edge.to}`, factor }] : [];
}

export const deployFaults: readonly FaultKind[] = [
  newVersion('slower-version', hasWork, (site, { service, operation }) => {
    const factor = site.factorFor(service.name, operation.name, site.random.between(12, 60), 3);
    operation.slowness = () => factor;
    return {
      what: `does ${factor.toFixed(0)} times the work`,
      effects: [{ kind: 'mean-rises', key: `work of ${service.name}/${operation.name}`, factor: factor / 2 }],
    };
  }),
  newVersion(
    'failing-version',
    () => true,
    (site, { service, operation }) => {
      operation.failure = sometimes(site.random, site.random.between(0.25, 0.7), NULL_POINTER);
      return {
        what: 'often throws an exception',
        effects: [{ kind: 'mean-adds', key: `failed ${service.name}/${operation.name}`, by: 0.1 }],
      };
    },
  ),
  newVersion(
    'n-plus-one-after-deploy',
    (site, service, operation) => Boolean(ownStatement(site.world.service(service).operation(operation).steps, site)),
    (site, { service, operation }) => {
      const statement = ownStatement(operation.steps, site);
      const name = statement?.kind === 'query' ? `${statement.name} by id` : 'SELECT by id';
      const peer = statement?.kind === 'query' ? statement.peer : '';
      operation.steps = [...operation.steps, repeat(12, 30, query(peer, name, 2.5))];
      return {
        what: `reads each row of a list by itself`,
        right: [name],
        effects: [
          { kind: 'rate-rises', key: `query of ${peer}`, factor: 1.5 },
          { kind: 'mean-adds', key: `handling ${service.name}/${operation.name}`, by: 20 },
        ],
      };
    },
  ),
  newVersion(
    'serial-instead-of-parallel',
    (site, service, operation) => {
      const savedMs = savedInParallelMs(site, service, operation);
      return savedMs > 6 && savedMs > 0.4 * site.nominalMs(site.world.service(service).operation(operation).steps);
    },
    (site, { service, operation }) => {
      const savedMs = savedInParallelMs(site, service.name, operation.name);
      operation.steps = changeSteps(operation.steps, (step) => (step.kind === 'parallel' ? step.steps : undefined));
      return {
        what: 'makes calls one after the other that ran at once',
        effects: [{ kind: 'mean-adds', key: `handling ${service.name}/${operation.name}`, by: savedMs / 4 }],
      };
    },
  ),
  newVersion('chatty-after-deploy', hasCalls, (site, { service, operation }) => {
    const edge = site.random.pick(callsMade(site, service.name, operation.name));
    const callee = site.shares.operations.find((share) => share.service === edge.to)?.operation ?? '';
    operation.steps = [...operation.steps, repeat(6, 12, call(edge.to, callee, { optional: true }))];
    return {
      what: `calls ${edge.to} again and again`,
      right: [callee],
      effects: [{ kind: 'rate-rises', key: `call ${edge.from}>${edge.to}`, factor: 1.4 }],
    };
  }),
  canary(
    'slower-canary',
    'does much more work',
    (site, { service, operation }) => {
      const factor = site.factorFor(service.name, operation.name, site.random.between(25, 80), 5);
      operation.slowness = () => factor;
    },
    'slower',
  ),
  canary(
    'failing-canary',
    'often throws an exception',
    (site, { operation }) => {
      operation.failure = sometimes(site.random, 0.6, NULL_POINTER);
    },
    'failing',
  ),
  {
    name: 'deadline-shortened',
    group: 'configuration',
    plan: (site) => {
      const found = site.edge(({ to }) => site.nominalMsOf(to) >= 3);
      if (!found) return null;
      const { from, to } = found;
      const timeoutMs = 0.8 * site.nominalMsOf(to);
      return {
        truth: {
          services: [from, to],
          operations: [],
          description: `${from} waits no longer than ${timeoutMs.toFixed(1)} ms for ${to}, which often takes longer`,
        },
        begin: () => {
          site.world.edge(from, to).timeoutMs = timeoutMs;
        },
        effects: [{ kind: 'mean-adds', key: `failed call ${from}>${to}`, by: 0.15 }],
      };
    },
  },
  setting(
    'feature-switched-off',
    (site, operation, service) => ({
      what: 'makes none of its calls any more, because a flag was switched off by mistake',
      begin: () => {
        operation.steps = changeSteps(operation.steps, (step) => (step.kind === 'call' ? [] : undefined));
      },
      effects: lostCalls(site, service.name, operation.name, 0.2),
    }),
    losesCalls,
  ),
  setting(
    'early-return',
    (site, operation, service) => {
      const share = site.random.between(0.6, 1);
      return {
        what: `returns at once for ${(100 * share).toFixed(0)} % of its requests, and reports success`,
        begin: () => {
          operation.skips = () => site.random.chance(share);
        },
        effects: lostCalls(site, service.name, operation.name, 0.7),
      };
    },
    losesCalls,
  ),
  setting(
    'exception-before-calls',
    (site, operation, service) => ({
      what: 'mostly throws an exception before it calls anybody',
      begin: () => {
        operation.failure = sometimes(site.random, 0.8, NULL_POINTER);
      },
      effects: [
        ...lostCalls(site, service.name, operation.name, 0.7),
        { kind: 'mean-adds', key: `failed ${service.name}/${operation.name}`, by: 0.5 },
      ],
    }),
    losesCalls,
  ),
  setting(
    'queries-skipped',
    (site, operation, service) => ({
      what: 'answers without asking its database, because of a wrong return',
      begin: () => {
        operation.steps = changeSteps(operation.steps, (step) =>
          step.kind === 'query' || step.kind === 'cached' || step.kind === 'locked' ? [] : undefined,
        );
      },
      effects: site.shares.uses
        .filter(
          (use) => use.service === service.name && use.operations.length === 1 && use.operations[0] === operation.name,
        )
        .slice(0, 1)
        .map(({ query: step }) => ({
          kind: 'rate-falls',
          key: `query ${service.name}>${step.peer}>${step.name}`,
          factor: 0.1,
        })),
    }),
    (site, service, operation) =>
      site.shares.uses.some(
        (use) => use.service === service && use.operations.length === 1 && use.operations[0] === operation,
      ),
  ),
];

/** A query that the operation itself makes, to a database. */
function ownStatement(steps: readonly Step[], site: Site): Step | undefined {
  return steps.find((step) => step.kind === 'query' && site.world.peer(step.peer).plan.type === 'database');
}
