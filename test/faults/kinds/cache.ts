import type { UseShare } from '../shares.ts';
import type { FaultKind } from '../simulate.ts';
import type { Site } from '../site.ts';
import { peerTruth, queryKey } from './database.ts';
import { always, refused } from '../failures.ts';

function hitKey({ service, query }: UseShare): string {
  return `hit ${service}>${query.peer}>${query.name}`;
}

function cachedUse(site: Site): UseShare | null {
  return site.use('cache', ({ isCached }) => isCached);
}

export const cacheFaults: readonly FaultKind[] = [
  {
    name: 'cold-cache',
    group: 'cache',
    plan: (site) => {
      const found = cachedUse(site);
      if (!found) return null;
      return {
        truth: peerTruth(site, found.query.peer, `${found.query.peer} has been emptied, and fills up slowly`),
        begin: () => {
          site.useOf(found).hitFactor = () => site.progress / 1.5;
        },
        effects: [{ kind: 'mean-falls', key: hitKey(found), factor: 0.75 }],
      };
    },
  },
  {
    name: 'cache-away',
    group: 'cache',
    plan: (site) => {
      const found = cachedUse(site);
      if (!found) return null;
      const { peer } = found.query;
      return {
        truth: peerTruth(site, peer, `${peer} refuses connections: everything comes from what it was in front of`),
        begin: () => {
          site.world.peer(peer).failure = always(refused(peer));
        },
        effects: [{ kind: 'mean-falls', key: hitKey(found), factor: 0.01 }],
      };
    },
  },
  {
    name: 'slow-cache',
    group: 'cache',
    plan: (site) => {
      const found = cachedUse(site);
      if (!found) return null;
      const { peer } = found.query;
      const factor = site.random.between(40, 120);
      return {
        truth: peerTruth(site, peer, `${peer} takes ${factor.toFixed(0)} times as long to answer`),
        begin: () => {
          site.world.peer(peer).slowness = () => factor;
        },
        effects: [{ kind: 'mean-rises', key: queryKey(found), factor: 5 }],
      };
    },
  },
  {
    name: 'cache-keys-changed-after-deploy',
    group: 'deploy',
    plan: (site) => {
      const found = cachedUse(site);
      if (!found) return null;
      const service = site.world.service(found.service);
      const version = site.world.newVersion(service);
      return {
        truth: {
          ...peerTruth(
            site,
            found.query.peer,
            `${version.name} of ${service.name} asks ${found.query.peer} for keys that nobody wrote`,
          ),
          resource: { 'service.version': version.name },
        },
        begin: () => {
          site.scene.deploy(service, version, 300);
          site.useOf(found).hitFactor = () => 0.04;
        },
        effects: [{ kind: 'mean-falls', key: hitKey(found), factor: 0.2 }],
      };
    },
  },
];
