import type { EdgeShare } from '../shares.ts';
import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { Edge } from '../parts.ts';
import { always, EXPIRED_CERTIFICATE, refused } from '../failures.ts';

/** On the way between two services, either end is right. */
function between({ from, to }: EdgeShare, description: string): FaultPlan['truth'] {
  return { services: [from, to], operations: [], description };
}

function onEdge(
  name: string,
  isMeant: (site: Site) => (share: EdgeShare) => boolean,
  plan: (site: Site, share: EdgeShare, edge: Edge) => FaultPlan,
): FaultKind {
  return {
    name,
    group: 'network',
    plan: (site) => {
      const found = site.edge(isMeant(site));
      return found && plan(site, found, site.world.edge(found.from, found.to));
    },
  };
}

/** The caller does not know how long the call itself takes: it is right to name it by what it calls. */
const any = (): (() => boolean) => () => true;
const needed = (): ((share: EdgeShare) => boolean) => (share) => share.isNeeded;

/** A packet that is lost comes again after the timer of TCP, which doubles. */
function retransmission(site: Site, probability: number): () => number {
  return () => (site.random.chance(probability) ? (site.random.chance(0.2) ? 620 : 205) : 0);
}

function intoOne(name: string, plan: (site: Site, service: string, edges: readonly Edge[]) => FaultPlan): FaultKind {
  return {
    name,
    group: 'network',
    plan: (site) => {
      const found = site.service(({ name: service }) => !site.isEntry(service) && site.edgesInto(service).length > 0);
      return found && plan(site, found.service.name, site.edgesInto(found.service.name));
    },
  };
}

export const networkFaults: readonly FaultKind[] = [
  onEdge('network-delay-between-two', any, (site, share, edge) => {
    const delayMs = site.random.between(12, 80);
    return {
      truth: between(
        share,
        `the network between ${share.from} and ${share.to} takes ${delayMs.toFixed(0)} ms more each way`,
      ),
      begin: () => {
        edge.delayMs = () => delayMs * site.random.between(0.8, 1.3);
      },
      effects: [{ kind: 'mean-adds', key: `network ${share.from}>${share.to}`, by: 8 }],
    };
  }),
  intoOne('network-delay-into-one', (site, service, edges) => {
    const delayMs = site.random.between(12, 80);
    return {
      truth: {
        services: [service],
        operations: [],
        description: `the network to ${service} takes ${delayMs.toFixed(0)} ms more each way`,
      },
      begin: () => {
        for (const edge of edges) edge.delayMs = () => delayMs * site.random.between(0.8, 1.3);
      },
      effects: [{ kind: 'mean-adds', key: `network to ${service}`, by: 8 }],
    };
  }),
  intoOne('packet-loss', (site, service, edges) => {
    const loss = site.random.between(0.08, 0.2);
    return {
      truth: {
        services: [service],
        operations: [],
        description: `${(100 * loss).toFixed(0)} % of the packets to and from ${service} are lost and sent again`,
      },
      begin: () => {
        for (const edge of edges) edge.delayMs = retransmission(site, loss);
      },
      effects: [{ kind: 'mean-adds', key: `network to ${service}`, by: 8 }],
    };
  }),
  onEdge('packet-loss-between-two', any, (site, share, edge) => {
    const loss = site.random.between(0.1, 0.25);
    return {
      truth: between(
        share,
        `${(100 * loss).toFixed(0)} % of the packets between ${share.from} and ${share.to} are lost`,
      ),
      begin: () => {
        edge.delayMs = retransmission(site, loss);
      },
      effects: [{ kind: 'mean-adds', key: `network ${share.from}>${share.to}`, by: 8 }],
    };
  }),
  intoOne('requests-vanish', (site, service, edges) => {
    const share = site.random.between(0.12, 0.3);
    return {
      truth: {
        services: [service],
        operations: [],
        description: `${(100 * share).toFixed(0)} % of the requests to ${service} never arrive: their callers time out`,
      },
      begin: () => {
        for (const edge of edges) edge.loses = () => site.random.chance(share);
      },
      effects: edges
        .slice(0, 1)
        .map(({ from, to }) => ({ kind: 'mean-adds', key: `failed call ${from}>${to}`, by: 0.03 })),
    };
  }),
  {
    name: 'slow-dns',
    group: 'network',
    plan: (site) => {
      const found = site.edge();
      if (!found) return null;
      const service = site.world.service(found.from);
      const probability = site.random.between(0.25, 0.5);
      return {
        truth: {
          services: [service.name],
          operations: [],
          description: `${service.name} often waits for the names of the hosts that it calls`,
        },
        begin: () => {
          service.nameLookupMs = () =>
            site.random.chance(probability) ? site.random.between(150, 900) : site.random.between(1, 4);
        },
        effects: [{ kind: 'mean-adds', key: `call ${found.from}>${found.to}`, by: 40 }],
      };
    },
  },
  {
    name: 'slow-network-of-a-host',
    group: 'network',
    plan: (site) => {
      const found = site.instance(({ name }) => !site.isEntry(name));
      if (!found) return null;
      const { host } = found.instance;
      const delayMs = site.random.between(20, 90);
      return {
        truth: {
          services: servicesOn(site, host.name),
          operations: [],
          resource: { 'host.name': host.name },
          description: `the network card of ${host.name} delays everything by ${delayMs.toFixed(0)} ms`,
        },
        begin: () => {
          host.networkDelayMs = delayMs;
        },
        effects: [{ kind: 'mean-adds', key: `network to ${found.service.name}`, by: 5 }],
      };
    },
  },
  onEdge('wrong-host-configured', needed, (_site, share, edge) => ({
    truth: between(share, `${share.from} looks for ${share.to} on a host where nobody listens`),
    begin: () => {
      edge.failure = always(refused(`${share.to}-old`));
    },
    effects: [{ kind: 'mean-adds', key: `failed call ${share.from}>${share.to}`, by: 0.9 }],
  })),
  onEdge('expired-certificate', any, (_site, share, edge) => ({
    truth: between(share, `${share.from} no longer trusts the certificate of ${share.to}, which has expired`),
    begin: () => {
      edge.failure = always(EXPIRED_CERTIFICATE);
    },
    effects: [{ kind: 'mean-adds', key: `failed call ${share.from}>${share.to}`, by: 0.9 }],
  })),
];

export function servicesOn(site: Site, host: string): string[] {
  return [...site.world.services.values()]
    .filter(({ instances }) => instances.some((instance) => instance.host.name === host))
    .map(({ name }) => name);
}
