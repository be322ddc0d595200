import type { FaultKind } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { EdgeShare } from '../shares.ts';
import { work } from '../topology.ts';
import { always, sometimes, UNAVAILABLE } from '../failures.ts';

/** What happens to a service by what it is asked for, or by what it asks: only the first cause is right. */
function busyOperationsOf(site: Site, service: string): string[] {
  return site.shares.operations.filter((share) => share.service === service).map(({ operation }) => operation);
}

/** Edges into a service that calls or is called on the way of many requests. */
function needed(site: Site): EdgeShare | null {
  return site.edge(({ isNeeded, from }) => isNeeded && !site.isEntry(from)) ?? site.edge(({ isNeeded }) => isNeeded);
}

function addWork(site: Site, service: string, addedMs: number): void {
  for (const name of busyOperationsOf(site, service)) {
    const operation = site.world.service(service).operation(name);
    operation.steps = [work(addedMs), ...operation.steps];
  }
}

export const overloadFaults: readonly FaultKind[] = [
  {
    name: 'timeouts-with-work-going-on',
    group: 'overload',
    plan: (site) => {
      const found = site.edge();
      if (!found) return null;
      const { to } = found;
      const timeoutMs = site.random.between(300, 900);
      return {
        truth: {
          services: [to],
          operations: busyOperationsOf(site, to),
          description: `${to} takes longer than its callers wait, and goes on after that`,
        },
        prepare: () => {
          for (const edge of site.edgesInto(to)) edge.timeoutMs = timeoutMs;
        },
        begin: () => addWork(site, to, timeoutMs * site.random.between(0.9, 1.6)),
        effects: [{ kind: 'mean-adds', key: `failed call ${found.from}>${to}`, by: 0.15 }],
      };
    },
  },
  {
    name: 'retry-storm',
    group: 'overload',
    plan: (site) => {
      const found = site.edge();
      if (!found) return null;
      const { from, to } = found;
      const timeoutMs = site.random.between(250, 500);
      const { instances } = site.world.service(to);
      return {
        truth: {
          services: [to],
          operations: busyOperationsOf(site, to),
          description: `${to} is too slow for its callers, which ask again and again and make it slower`,
        },
        prepare: () => {
          for (const edge of site.edgesInto(to)) {
            edge.timeoutMs = timeoutMs;
            edge.retries = 3;
          }
        },
        begin: () => {
          addWork(site, to, timeoutMs * site.random.between(0.9, 1.3));
          for (const instance of instances) instance.workers.capacity = 3;
        },
        effects: [
          { kind: 'mean-adds', key: `failed call ${from}>${to}`, by: 0.15 },
          { kind: 'rate-rises', key: `handling ${to}`, factor: 1.3 },
        ],
      };
    },
  },
  {
    name: 'failure-cascades',
    group: 'overload',
    plan: (site) => {
      const found = needed(site);
      if (!found) return null;
      const { from, to } = found;
      const service = site.world.service(to);
      const share = site.random.between(0.6, 1);
      return {
        truth: {
          services: [to],
          operations: [],
          description: `${to} fails, and with it all that call it and theirs`,
        },
        begin: () => {
          service.refusal = share > 0.9 ? always(UNAVAILABLE) : sometimes(site.random, share, UNAVAILABLE);
        },
        effects: [
          { kind: 'mean-adds', key: `failed call ${from}>${to}`, by: 0.3 },
          { kind: 'mean-adds', key: `failed ${from}`, by: 0.03 },
        ],
      };
    },
  },
  {
    name: 'starvation-cascades',
    group: 'overload',
    plan: (site) => {
      const found = site.edge(({ from, to }) => {
        const { language } = site.world.service(from).plan;
        return (
          !site.isEntry(from) &&
          !site.isEntry(to) &&
          site.edgesInto(from).length > 0 &&
          (language === 'java' || language === 'dotnet' || language === 'python')
        );
      });
      if (!found) return null;
      const { from, to } = found;
      const caller = site.world.service(from);
      // So that the callers of the caller wait for a thread two thirds of the time.
      const addedMs = Math.min(3500, (1000 * 1.2 * caller.instances.length) / (found.perRequest * site.ratePerSecond));
      return {
        truth: {
          services: [to],
          operations: busyOperationsOf(site, to),
          description: `${to} is slow, so that all threads of ${from} wait for it and nothing else gets one`,
        },
        prepare: () => {
          for (const instance of caller.instances) instance.workers.capacity = 2;
        },
        touches: [from],
        begin: () => addWork(site, to, addedMs),
        effects: [
          { kind: 'mean-adds', key: `call ${from}>${to}`, by: addedMs / 2 },
          { kind: 'mean-adds', key: `wait for ${from}`, by: 20 },
        ],
      };
    },
  },
];
