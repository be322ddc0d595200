import type { FaultKind, FaultPlan } from '../simulate.ts';
import type { Site } from '../site.ts';
import type { UseShare } from '../shares.ts';

export const slowStatement = (name: string, factor: number): FaultKind => ({
  name,
  group: 'database',
  plan: (site) => {
    const found = site.statement(({ query, perRequest }) => query.latency.medianMs * factor > 8 && perRequest > 0.15);
    if (!found) return null;
    return {
      truth: truthOf(site, found, `${found.query.name} of ${found.service} takes ${factor} times as long`),
      begin: () => {
        site.useOf(found).slowness = () => factor;
      },
      effects: [{ kind: 'mean-rises', key: queryKey(found), factor: factor / 2 }],
    };
  },
});

/** A statement is named by its span, or where it has none by the operations that wait for it. */
export function truthOf(site: Site, { service, query, operations }: UseShare, description: string): FaultPlan['truth'] {
  const { querySpans } = site.world.service(service).plan;
  return {
    services: [service, query.peer],
    operations: querySpans ? [query.name, ...operations] : operations,
    description,
  };
}

export function queryKey({ service, query }: UseShare): string {
  return `query ${service}>${query.peer}>${query.name}`;
}

export const databaseFaults: readonly FaultKind[] = [
  slowStatement('slow-statement-x3', 3),
  slowStatement('slow-statement-x100', 100),
];
