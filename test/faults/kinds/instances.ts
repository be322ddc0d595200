import type { FaultKind } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { Service } from '../parts.ts';
import { OUT_OF_MEMORY, READ_ONLY, sometimes } from '../failures.ts';
import { servicesOn } from './network.ts';

/** The factor that makes a typical request of a service so much slower by its own work. */
function factorOf(site: Site, { name }: Service, addedMs: number): number {
  const workMs = site.shares.operations
    .filter(({ service }) => service === name)
    .map(({ operation }) => site.workMs(name, operation));
  return Math.max(4, 1 + addedMs / Math.max(0.5, Math.max(...workMs)));
}

/** A service whose busiest operation does work of its own. */
function works(site: Site): (service: Service) => boolean {
  return ({ name }) =>
    site.shares.operations
      .filter(({ service }) => service === name)
      .every(({ operation }) => site.workMs(name, operation) >= 0.8);
}

export const instanceFaults: readonly FaultKind[] = [
  {
    name: 'slow-instance',
    group: 'instance',
    plan: (site) => {
      const found = site.instance(works(site));
      if (!found) return null;
      const { service, instance } = found;
      const factor = factorOf(site, service, site.random.between(20, 80));
      return {
        truth: {
          services: [service.name],
          operations: [],
          resource: { 'service.instance.id': instance.id },
          description: `${instance.id} of ${service.name} works ${factor.toFixed(0)} times as slowly as its siblings`,
        },
        begin: () => {
          instance.cpuFactor *= factor;
        },
        effects: [{ kind: 'mean-rises', key: `work by ${instance.id}`, factor: factor / 2 }],
      };
    },
  },
  {
    name: 'failing-instance',
    group: 'instance',
    plan: (site) => {
      const found = site.instance();
      if (!found) return null;
      const { service, instance } = found;
      return {
        truth: {
          services: [service.name],
          operations: [],
          resource: { 'service.instance.id': instance.id },
          description: `${instance.id} of ${service.name} answers most requests with an error`,
        },
        begin: () => {
          instance.failure = sometimes(site.random, 0.7, OUT_OF_MEMORY);
        },
        effects: [{ kind: 'mean-adds', key: `failed by ${instance.id}`, by: 0.4 }],
      };
    },
  },
  {
    name: 'hanging-instance',
    group: 'instance',
    plan: (site) => {
      const found = site.instance(({ name }) => site.edgesInto(name).length > 0);
      if (!found) return null;
      const { service, instance } = found;
      const [caller] = site.edgesInto(service.name);
      return {
        truth: {
          services: [service.name],
          operations: [],
          resource: { 'service.instance.id': instance.id },
          description: `${instance.id} of ${service.name} accepts requests and never answers`,
        },
        begin: () => {
          instance.isHanging = true;
        },
        effects: caller ? [{ kind: 'mean-adds', key: `failed call ${caller.from}>${caller.to}`, by: 0.08 }] : [],
      };
    },
  },
  {
    name: 'crash-loop',
    group: 'instance',
    plan: (site) => {
      const found = site.instance(({ name }) => site.edgesInto(name).length > 0);
      if (!found) return null;
      const { service, instance } = found;
      const [caller] = site.edgesInto(service.name);
      let current = instance;
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `one instance of ${service.name} crashes again and again, and refuses connections meanwhile`,
        },
        begin: () => {
          site.repeatedly(5000, () => {
            current = site.world.restart(service, current);
            current.isRefusing = true;
            const running = current;
            site.scene.simulation.after(3500, () => {
              running.isRefusing = false;
            });
          });
        },
        effects: caller ? [{ kind: 'mean-adds', key: `failed call ${caller.from}>${caller.to}`, by: 0.04 }] : [],
      };
    },
  },
  {
    name: 'slow-host',
    group: 'instance',
    plan: (site) => {
      const found = site.instance(works(site));
      if (!found) return null;
      const { host } = found.instance;
      const factor = factorOf(site, found.service, site.random.between(15, 50));
      return {
        truth: {
          services: servicesOn(site, host.name),
          operations: [],
          resource: { 'host.name': host.name },
          description: `something else uses the processors of ${host.name}`,
        },
        begin: () => {
          host.cpuFactor = factor;
        },
        effects: [{ kind: 'mean-rises', key: `work on ${host.name}`, factor: factor / 2 }],
      };
    },
  },
  {
    name: 'failing-host',
    group: 'instance',
    plan: (site) => {
      const found = site.instance();
      if (!found) return null;
      const { host, id } = found.instance;
      return {
        truth: {
          services: servicesOn(site, host.name),
          operations: [],
          resource: { 'host.name': host.name },
          description: `the disk of ${host.name} has become read-only`,
        },
        begin: () => {
          host.failure = sometimes(site.random, 0.6, READ_ONLY);
        },
        effects: [{ kind: 'mean-adds', key: `failed by ${id}`, by: 0.3 }],
      };
    },
  },
  {
    name: 'cpu-contention',
    group: 'instance',
    plan: (site) => {
      const found = site.service(works(site));
      if (!found) return null;
      const { service } = found;
      const factor = factorOf(site, service, site.random.between(12, 50));
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `all instances of ${service.name} are throttled: their work takes ${factor.toFixed(0)} times as long`,
        },
        begin: () => {
          for (const instance of service.instances) instance.cpuFactor *= factor;
        },
        effects: [{ kind: 'mean-rises', key: `work of ${service.name}`, factor: factor / 2 }],
      };
    },
  },
  {
    name: 'gc-pauses',
    group: 'instance',
    plan: (site) => {
      const found = site.service(({ plan }) => plan.language === 'java' || plan.language === 'nodejs');
      if (!found) return null;
      const { service } = found;
      const pauseMs = site.random.between(250, 600);
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `${service.name} has too little memory: its garbage collector stops it for ${pauseMs.toFixed(0)} ms at a time`,
        },
        begin: () => {
          for (const instance of service.instances) {
            instance.pauseMs = pauseMs;
            instance.pauseEveryMs = 2.5 * pauseMs;
          }
        },
        effects: [{ kind: 'mean-rises', key: `pauses of ${service.name}`, factor: 10 }],
      };
    },
  },
  {
    name: 'memory-leak',
    group: 'instance',
    plan: (site) => {
      const found = site.service(({ plan }) => plan.language === 'java' || plan.language === 'nodejs');
      if (!found) return null;
      const { service } = found;
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `${service.name} leaks memory: the pauses of its garbage collector grow all the time`,
        },
        begin: () => {
          site.repeatedly(1000, () => {
            for (const instance of service.instances) {
              instance.pauseMs = 14 + 900 * site.progress;
              instance.pauseEveryMs = 2500;
            }
          });
        },
        effects: [{ kind: 'mean-rises', key: `pauses of ${service.name}`, factor: 10 }],
      };
    },
  },
  {
    name: 'operation-slows-down-gradually',
    group: 'instance',
    plan: (site) => {
      const found = site.operation(({ service, operation }) => site.workMs(service, operation) >= 0.8);
      if (!found) return null;
      const most = site.factorFor(found.service, found.operation, 90, 8);
      return {
        truth: {
          services: [found.service],
          operations: [found.operation],
          description: `${found.operation} of ${found.service} becomes slower all the time, as a list that it searches grows`,
        },
        begin: () => {
          site.world.service(found.service).operation(found.operation).slowness = () => 1 + most * site.progress;
        },
        effects: [{ kind: 'mean-rises', key: `work of ${found.service}/${found.operation}`, factor: 2.5 }],
      };
    },
  },
  {
    name: 'thread-pool-starvation',
    group: 'instance',
    plan: (site) => {
      const found = site.service(({ name }) => !site.isEntry(name) && site.edgesInto(name).length > 0);
      if (!found) return null;
      const { service } = found;
      const holdMs = site.random.between(300, 900);
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `stuck work holds the threads of ${service.name}, for which requests wait`,
        },
        begin: () => {
          for (const instance of service.instances) {
            instance.workers.capacity = 1;
            site.hold(instance.workers, holdMs);
          }
        },
        effects: [{ kind: 'mean-adds', key: `wait for ${service.name}`, by: 30 }],
      };
    },
  },
];
