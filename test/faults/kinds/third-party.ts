import type { UseShare } from '../shares.ts';
import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { Peer } from '../parts.ts';
import { peerTruth, queryKey } from './database.ts';
import { sometimes, TOO_MANY_REQUESTS, UNAVAILABLE } from '../failures.ts';

function onPeer(
  name: string,
  type: 'api' | 'silent-service',
  plan: (site: Site, peer: Peer, use: UseShare) => Pick<FaultPlan, 'begin' | 'effects'> & { what: string },
): FaultKind {
  return {
    name,
    group: 'silent-peer',
    plan: (site) => {
      const found = site.use(type);
      if (!found) return null;
      const peer = site.world.peer(found.query.peer);
      const { what, begin, effects } = plan(site, peer, found);
      return { truth: peerTruth(site, peer.address, `${peer.address} ${what}`), begin, effects };
    },
  };
}

type Plan = Parameters<typeof onPeer>[2];

const slow: Plan = (site, peer, use) => {
  const factor = Math.max(site.random.between(4, 15), 40 / use.query.latency.medianMs);
  return {
    what: `takes ${factor.toFixed(0)} times as long`,
    begin: () => {
      peer.slowness = () => factor;
    },
    effects: [{ kind: 'mean-rises', key: queryKey(use), factor: factor / 2.5 }],
  };
};

const failing: Plan = (site, peer, use) => {
  const share = site.random.between(0.3, 0.9);
  return {
    what: `answers ${(100 * share).toFixed(0)} % of its requests with 503`,
    begin: () => {
      peer.failure = sometimes(site.random, share, { ...UNAVAILABLE, shows: 'all' });
    },
    effects: [{ kind: 'mean-adds', key: `failed ${queryKey(use)}`, by: share / 2 }],
  };
};

export const thirdPartyFaults: readonly FaultKind[] = [
  onPeer('slow-third-party', 'api', slow),
  onPeer('failing-third-party', 'api', failing),
  onPeer('third-party-does-not-answer', 'api', (site, peer, use) => {
    const share = site.random.between(0.25, 0.6);
    return {
      what: `does not answer ${(100 * share).toFixed(0)} % of its requests: its callers time out`,
      begin: () => {
        for (const edge of site.edgesInto(peer.address)) edge.loses = () => site.random.chance(share);
      },
      effects: [{ kind: 'mean-adds', key: `failed ${queryKey(use)}`, by: share / 2.5 }],
    };
  }),
  onPeer('third-party-limits-rate', 'api', (site, peer, use) => {
    const share = site.random.between(0.3, 0.7);
    return {
      what: `answers ${(100 * share).toFixed(0)} % of its requests with 429`,
      begin: () => {
        peer.failure = sometimes(site.random, share, { ...TOO_MANY_REQUESTS, shows: 'all' });
      },
      effects: [{ kind: 'mean-adds', key: `failed ${queryKey(use)}`, by: share / 2 }],
    };
  }),
  onPeer('slow-silent-service', 'silent-service', slow),
  onPeer('failing-silent-service', 'silent-service', failing),
];
