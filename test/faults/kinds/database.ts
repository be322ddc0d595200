import type { UseShare } from '../shares.ts';
import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import { changeSteps, hasStep } from '../steps.ts';
import { query, repeat, work } from '../topology.ts';
import { connectionsOf } from '../parts.ts';
import { operationFrom } from '../world.ts';
import { always, BAD_CREDENTIALS, DEADLOCK, NO_SPACE, sometimes, refused } from '../failures.ts';

export function slowStatement(name: string, factor: number): FaultKind {
  return {
    name,
    group: 'database',
    plan: (site) => {
      const found = site.statement(({ query: { latency } }) => latency.medianMs * factor > 8);
      if (!found) return null;
      return {
        truth: statementTruth(site, found, `${found.query.name} of ${found.service} takes ${factor} times as long`),
        begin: () => {
          site.useOf(found).slowness = () => factor;
        },
        effects: [{ kind: 'mean-rises', key: queryKey(found), factor: factor / 2 }],
      };
    },
  };
}

/** A statement is named by its span, or where it has none by the operations that wait for it. */
function statementTruth(
  site: Site,
  { service, query: step, operations }: UseShare,
  description: string,
): FaultPlan['truth'] {
  return {
    services: [service, ...site.visible(step.peer)],
    operations: operationsOf(site, { service, query: step, operations }),
    description,
  };
}

function operationsOf(site: Site, use: Pick<UseShare, 'service' | 'query' | 'operations'>): readonly string[] {
  const { querySpans } = site.world.service(use.service).plan;
  return querySpans ? [use.query.name, ...use.operations] : use.operations;
}

/** All who ask a database see that it is ill; none of their statements is to blame. */
export function peerTruth(site: Site, peer: string, description: string): FaultPlan['truth'] {
  return { services: [...site.visible(peer), ...site.usersOf(peer)], operations: [], description };
}

export function queryKey({ service, query: step }: UseShare): string {
  return `query ${service}>${step.peer}>${step.name}`;
}

function isWrite({ query: { name } }: UseShare): boolean {
  return /^(?:insert|update|hset|index)\b/i.test(name);
}

const lockContention: FaultKind = {
  name: 'lock-contention',
  group: 'database',
  plan: (site) => {
    const found = site.operation(({ service, operation }) =>
      hasStep(site.world.service(service).operation(operation).steps, ({ kind }) => kind === 'locked'),
    );
    if (!found) return null;
    const { service, operation } = found;
    const { operations } = site.world.service(service).version;
    const sharers = [...operations.values()].filter(({ steps }) => hasStep(steps, ({ kind }) => kind === 'locked'));
    const rare = site.shares.operations
      .filter((share) => share.service === service && sharers.some(({ name }) => name === share.operation))
      .toSorted((a, b) => a.perRequest - b.perRequest)[0];
    if (!rare) return null;
    const holder = site.world.service(service).operation(rare.operation);
    // Held for a third to a half of the time.
    const holdMs = Math.min(4000, (site.random.between(0.33, 0.5) * 1000) / (rare.perRequest * site.ratePerSecond));
    return {
      truth: {
        services: [service],
        operations: [
          ...sharers.map(({ name }) => name),
          ...site.shares.uses.flatMap((use) =>
            use.service === service && use.query.name.endsWith(' FOR UPDATE') ? operationsOf(site, use) : [],
          ),
        ],
        description: `${rare.operation} of ${service} keeps its rows locked, for which others wait`,
      },
      begin: () => {
        holder.steps = changeSteps(holder.steps, (step) =>
          step.kind === 'locked' ? [{ ...step, steps: [...step.steps, work(holdMs)] }] : undefined,
        );
      },
      effects: [{ kind: 'mean-adds', key: `wait for lock of ${service}/${operation}`, by: 8 }],
    };
  },
};

const batchCompetes: FaultKind = {
  name: 'batch-competes-for-database',
  group: 'database',
  plan: (site) => {
    const found = site.statement();
    if (!found) return null;
    const { peer } = found.query;
    const users = site.usersOf(peer);
    const service = site.world.service(site.random.pick(users));
    const factor = site.random.between(4, 9);
    const steps = [repeat(2, 4, query(peer, 'SELECT export', site.random.between(900, 1800)), work(20))];
    return {
      truth: peerTruth(
        site,
        peer,
        `an export of ${service.name} competes for ${peer}, which becomes ${factor.toFixed(1)} times as slow`,
      ),
      begin: () => {
        service.version.operations.set('nightly export', operationFrom('nightly export', { steps }));
        site.repeatedly(6000, () => site.scene.runOnce(service.name, 'nightly export', 1));
        site.world.peer(peer).slowness = () => factor;
      },
      effects: [{ kind: 'mean-rises', key: queryKey(found), factor: 2 }],
    };
  },
};

const poolStarvation: FaultKind = {
  name: 'connection-pool-starvation',
  group: 'database',
  plan: (site) => {
    const found = site.statement();
    if (!found) return null;
    const service = site.world.service(found.service);
    const holdMs = site.random.between(400, 1100);
    return {
      truth: {
        services: [service.name],
        operations: [],
        description: `long transactions of ${service.name} hold the connections that its requests need`,
      },
      begin: () => {
        for (const instance of service.instances) {
          const pool = connectionsOf(instance, found.query.peer, service);
          pool.capacity = 1;
          site.hold(pool, holdMs);
        }
      },
      effects: [{ kind: 'mean-adds', key: `wait for connections of ${service.name}`, by: 25 }],
    };
  },
};

const connectionLeak: FaultKind = {
  name: 'connection-leak',
  group: 'database',
  plan: (site) => {
    const found = site.statement();
    if (!found) return null;
    const service = site.world.service(found.service);
    return {
      truth: {
        services: [service.name],
        operations: [],
        description: `${service.name} loses one connection to ${found.query.peer} after the other until none is left`,
      },
      begin: () => {
        site.repeatedly(1000, () => {
          for (const instance of service.instances) {
            const left = Math.max(0, 1 - site.progress / 0.4);
            connectionsOf(instance, found.query.peer, service).capacity = Math.floor(service.plan.connections * left);
          }
        });
      },
      effects: [{ kind: 'mean-adds', key: `wait for connections of ${service.name}`, by: 100 }],
    };
  },
};

export const databaseFaults: readonly FaultKind[] = [
  slowStatement('slow-statement-x3', 3),
  slowStatement('slow-statement-x10', 10),
  slowStatement('slow-statement-x100', 100),
  {
    name: 'statement-slows-down-gradually',
    group: 'database',
    plan: (site) => {
      const found = site.statement(({ query: { latency } }) => latency.medianMs >= 3);
      if (!found) return null;
      const most = site.random.between(10, 30);
      return {
        truth: statementTruth(
          site,
          found,
          `${found.query.name} of ${found.service} becomes slower all the time, as its table grows`,
        ),
        begin: () => {
          site.useOf(found).slowness = () => 1 + most * site.progress;
        },
        effects: [{ kind: 'mean-rises', key: queryKey(found), factor: 3 }],
      };
    },
  },
  {
    name: 'index-lost-for-one-tenant',
    group: 'database',
    plan: (site) => {
      const found = site.statement(({ query: { latency }, perRequest }) => latency.medianMs >= 3 && perRequest > 0.25);
      if (!found) return null;
      const { name } = site.random.pick(site.world.tenants.slice(0, 3));
      const factor = site.random.between(30, 70);
      return {
        truth: statementTruth(
          site,
          found,
          `${found.query.name} of ${found.service} reads a whole table for tenant ${name}`,
        ),
        begin: () => {
          site.useOf(found).slowness = ({ person }) => (person.tenant === name ? factor : 1);
        },
        effects: [{ kind: 'mean-rises', key: queryKey(found), factor: 1.8 }],
      };
    },
  },
  {
    name: 'slow-database',
    group: 'database',
    plan: (site) => {
      const found = site.statement();
      if (!found) return null;
      const { peer } = found.query;
      const factor = site.random.between(4, 12);
      return {
        truth: peerTruth(site, peer, `everything in ${peer} takes ${factor.toFixed(1)} times as long`),
        begin: () => {
          site.world.peer(peer).slowness = () => factor;
        },
        effects: [{ kind: 'mean-rises', key: `query of ${peer}`, factor: factor / 2 }],
      };
    },
  },
  {
    name: 'one-slow-replica',
    group: 'database',
    plan: (site) => {
      const found = site.statement();
      if (!found) return null;
      const { peer } = found.query;
      const factor = site.random.between(12, 30);
      return {
        truth: peerTruth(
          site,
          peer,
          `one of three replicas of ${peer} is ${factor.toFixed(0)} times as slow as the others`,
        ),
        begin: () => {
          site.world.peer(peer).slowness = () => (site.random.chance(1 / 3) ? factor : 1);
        },
        effects: [{ kind: 'mean-rises', key: `query of ${peer}`, factor: 2 }],
      };
    },
  },
  batchCompetes,
  lockContention,
  {
    name: 'database-away',
    group: 'database',
    plan: (site) => {
      const found = site.statement();
      if (!found) return null;
      const { peer } = found.query;
      return {
        truth: peerTruth(site, peer, `${peer} refuses all connections`),
        begin: () => {
          site.world.peer(peer).failure = always(refused(peer));
        },
        effects: [{ kind: 'mean-adds', key: `failed query of ${peer}`, by: 0.9 }],
      };
    },
  },
  {
    name: 'database-failover',
    group: 'database',
    plan: (site) => {
      const found = site.statement();
      if (!found) return null;
      const { peer } = found.query;
      const share = site.random.between(0.3, 0.5);
      return {
        truth: peerTruth(site, peer, `${peer} refuses connections while it elects a new primary`),
        begin: () => {
          site.world.peer(peer).failure = () => (site.progress < share ? refused(peer) : null);
        },
        effects: [{ kind: 'mean-adds', key: `failed query of ${peer}`, by: 0.08 }],
      };
    },
  },
  {
    name: 'disk-full',
    group: 'database',
    plan: (site) => {
      const found = site.use('database', isWrite);
      if (!found) return null;
      const { peer } = found.query;
      const writes = site.shares.uses.filter((use) => use.query.peer === peer && isWrite(use));
      return {
        truth: {
          services: [...site.visible(peer), ...new Set(writes.map(({ service }) => service))],
          operations: writes.flatMap((use) => operationsOf(site, use)),
          description: `the disk of ${peer} is full: it rejects what is written`,
        },
        begin: () => {
          for (const use of writes) site.useOf(use).failure = always(NO_SPACE);
        },
        effects: [{ kind: 'mean-adds', key: `failed query of ${peer}`, by: 0.02 }],
      };
    },
  },
  {
    name: 'deadlocks',
    group: 'database',
    plan: (site) => {
      const found = site.use('database', isWrite);
      if (!found) return null;
      return {
        truth: statementTruth(
          site,
          found,
          `many of ${found.query.name} of ${found.service} end in deadlocks after a second`,
        ),
        begin: () => {
          site.useOf(found).failure = sometimes(site.random, 0.4, DEADLOCK);
        },
        effects: [{ kind: 'mean-adds', key: `failed ${queryKey(found)}`, by: 0.2 }],
      };
    },
  },
  {
    name: 'database-password-rotated',
    group: 'database',
    plan: (site) => {
      const found = site.statement();
      if (!found) return null;
      const { service, query: step } = found;
      const uses = site.shares.uses.filter((use) => use.service === service && use.query.peer === step.peer);
      return {
        truth: {
          services: [service, ...site.visible(step.peer)],
          operations: [],
          description: `${service} has an old password of ${step.peer}`,
        },
        begin: () => {
          for (const use of uses) site.useOf(use).failure = always(BAD_CREDENTIALS);
        },
        effects: [{ kind: 'mean-adds', key: `failed query of ${step.peer}`, by: 0.1 }],
      };
    },
  },
  poolStarvation,
  connectionLeak,
  {
    name: 'larger-results',
    group: 'database',
    plan: (site) => {
      const found = site.statement(
        ({ service, operations, query: { latency } }) =>
          latency.medianMs >= 3 && operations.every((name) => site.workMs(service, name) >= 0.8),
      );
      if (!found) return null;
      const { service, operations } = found;
      const factor = site.random.between(6, 12);
      return {
        truth: statementTruth(
          site,
          found,
          `${found.query.name} of ${service} returns far more rows, which also takes work`,
        ),
        begin: () => {
          site.useOf(found).slowness = () => factor / 2;
          for (const name of operations) {
            const more = site.factorFor(service, name, 15, factor);
            site.world.service(service).operation(name).slowness = () => more;
          }
        },
        effects: [
          { kind: 'mean-rises', key: queryKey(found), factor: 1.8 },
          { kind: 'mean-rises', key: `work of ${service}/${operations[0]}`, factor: 2.5 },
        ],
      };
    },
  },
];
