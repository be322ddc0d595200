import type { Effect, FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import { query, repeat, work } from '../topology.ts';
import { operationFrom } from '../world.ts';

/** Traffic in which nothing is wrong, however much it may look so. */
function noFault(
  name: string,
  plan: (site: Site) => Pick<FaultPlan, 'begin' | 'prepare' | 'touches'> & { what: string; effects?: Effect[] },
): FaultKind {
  return {
    name,
    group: 'no-fault',
    plan: (site) => {
      const { what, begin, prepare, touches = [], effects = [] } = plan(site);
      return {
        truth: { conclusion: 'nothing-unusual', services: [], operations: [], resource: null, description: what },
        ...(prepare && { prepare }),
        touches,
        begin,
        effects: [...effects, ...steadiness(site)],
      };
    },
  };
}

/** The busiest operations take as long as before. */
function steadiness(site: Site): Effect[] {
  return site.shares.operations
    .toSorted((a, b) => b.perRequest - a.perRequest)
    .slice(0, 3)
    .map(({ service, operation }) => ({ kind: 'mean-stays', key: `handling ${service}/${operation}`, factor: 2.2 }));
}

export const noFaults: readonly FaultKind[] = [
  noFault('nothing', () => ({ what: 'nothing happens', begin: () => undefined })),
  noFault('traffic-shift', (site) => ({
    what: 'people ask more for one thing and less for another',
    begin: () => {
      const [more, less] = site.random.shuffled(site.world.entries);
      if (more) more.weight *= site.random.between(2, 3.5);
      if (less) less.weight /= site.random.between(2, 3.5);
    },
  })),
  noFault('traffic-x3', (site) => ({
    what: 'three times as many requests, which the system can carry',
    begin: () => {
      site.world.load = 3;
    },
    effects: [{ kind: 'rate-rises', key: 'request of anybody', factor: 2 }],
  })),
  noFault('holiday', (site) => ({
    what: 'a holiday: less than a third of the requests',
    begin: () => {
      site.world.load = 0.3;
    },
    effects: [{ kind: 'rate-falls', key: 'request of anybody', factor: 0.6 }],
  })),
  noFault('harmless-version', (site) => {
    const service = site.random.pick([...site.world.services.values()]);
    return {
      what: `a new version of ${service.name}, which works as the last one did`,
      touches: [service.name],
      begin: () => site.scene.deploy(service),
    };
  }),
  noFault('harmless-canary', (site) => {
    const service = site.random.pick([...site.world.services.values()]);
    return {
      what: `a new version on one instance of ${service.name}, which works as the last one did`,
      touches: [service.name],
      begin: () => {
        const [instance] = service.instances;
        if (instance) site.world.restart(service, instance, site.world.newVersion(service));
      },
    };
  }),
  noFault('new-endpoint', (site) => {
    const entry = site.random.pick(site.world.entries);
    const service = site.world.service(entry.service);
    const name = 'GET /beta/overview';
    return {
      what: `${service.name} has a new operation, ${name}`,
      touches: [service.name],
      begin: () => {
        const version = site.world.newVersion(service);
        const plan = service.plan.operations[entry.operation] ?? { steps: [work(2)] };
        version.operations.set(name, operationFrom(name, plan));
        site.scene.deploy(service, version, 0);
        site.scene.simulation.after(1, () => {
          site.world.entries.push({ service: service.name, operation: name, weight: entry.weight / 2, cancelRate: 0 });
        });
      },
    };
  }),
  noFault('endpoint-retired', (site) => {
    const entry = site.random.pick(site.world.entries);
    return {
      what: `clients no longer use ${entry.operation}`,
      begin: () => {
        entry.weight *= 0.05;
      },
    };
  }),
  noFault('instances-added', (site) => {
    const found = site.service();
    return {
      what: `${found?.service.name ?? 'nobody'} gets two more instances`,
      begin: () => {
        if (!found) return;
        site.world.addInstance(found.service);
        site.world.addInstance(found.service);
      },
    };
  }),
  noFault('instance-removed', (site) => {
    const found = site.service((service) => service.instances.length > 1);
    return {
      what: `${found?.service.name ?? 'nobody'} has one instance less`,
      begin: () => {
        const [instance] = found?.service.instances ?? [];
        if (found && instance) site.world.removeInstance(found.service, instance);
      },
    };
  }),
  noFault('instances-restarted', (site) => {
    const found = site.service();
    return {
      what: `all instances of ${found?.service.name ?? 'nobody'} are restarted, and have new ids`,
      begin: () => {
        if (found) site.scene.deploy(found.service, found.service.version);
      },
    };
  }),
  noFault('clients-cancel-more', (site) => ({
    what: 'more clients go away before they have their answer',
    begin: () => {
      for (const entry of site.world.entries) entry.cancelRate = site.random.between(0.06, 0.14);
    },
    effects: [{ kind: 'mean-adds', key: 'cancelled request', by: 0.01 }],
  })),
  noFault('crawler', (site) => {
    const entry = site.random.pick(site.world.entries);
    return {
      what: `a crawler asks ${entry.operation} for what does not exist`,
      touches: [entry.service],
      begin: () => {
        const operation = site.world.service(entry.service).operation(entry.operation);
        // As many of the others get their answer as before.
        operation.notFoundRate = 0.4;
        entry.weight /= 0.6;
      },
      effects: [{ kind: 'mean-adds', key: 'request not found', by: 0.01 }],
    };
  }),
  noFault('midnight-batch', (site) => {
    const users = site.shares.uses.filter(({ query: { peer } }) => site.world.peer(peer).plan.type === 'database');
    const use = site.random.pick(users);
    const service = site.world.service(use.service);
    const { peer } = use.query;
    const steps = [repeat(3, 5, query(peer, 'SELECT export', 700)), work(30)];
    const batch = (window: number): void => {
      service.version.operations.set('nightly export', operationFrom('nightly export', { steps }));
      site.world.peer(peer).slowness = () => 1.8;
      for (let run = 0; run < 3; run += 1) site.scene.runOnce(service.name, 'nightly export', window);
      site.scene.simulation.after(15_000, () => {
        site.world.peer(peer).slowness = () => 1;
      });
    };
    return {
      what: `the nightly export of ${service.name} runs, as it did in the baseline`,
      touches: [service.name],
      prepare: () => site.scene.simulation.at(site.baseline.fromMs + 5000, () => batch(0)),
      begin: () => batch(1),
    };
  }),
  noFault('clock-step', (site) => {
    const host = site.random.pick(site.world.hosts);
    return {
      what: `the clock of ${host.name} is set`,
      begin: () => {
        host.clockMs += site.random.pick([-1, 1]) * site.random.between(200, 4000);
      },
    };
  }),
  noFault('clock-skew', (site) => {
    const host = site.random.pick(site.world.hosts);
    const driftMs = site.random.between(60, 400);
    return {
      what: `the clock of ${host.name} drifts away, so that its spans seem to start later`,
      begin: () => {
        site.repeatedly(1000, () => {
          host.clockMs = driftMs * (0.3 + 0.7 * site.progress);
        });
      },
    };
  }),
  noFault('tenant-mix', (site) => ({
    what: 'other tenants than before are busy',
    begin: () => {
      for (const tenant of site.world.tenants) tenant.weight *= site.random.between(0.6, 1.6);
    },
  })),
  noFault('new-tenant', (site) => ({
    what: 'a tenant comes that was not there before',
    begin: () => {
      site.world.tenants.push({ name: 'newcomer', weight: site.random.between(0.2, 0.5) });
    },
  })),
  noFault('parents-sampled-away', (site) => ({
    what: 'the first service keeps a quarter of its spans, so that others lack their parents',
    begin: () => {
      for (const entry of site.world.entries) site.world.service(entry.service).samplingFactor = 0.25;
    },
  })),
];
