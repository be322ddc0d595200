import type { Seeded } from '../../packages/server/src/columns/testing/seeded.ts';
import type { Casualty, FaultAction, FaultKind, FaultRule } from './fault-injection.ts';
import type { FaultyCollector } from './faulty-collector.ts';

const PROCESSES = ['collector', 'engine'] as const;
const KINDS: readonly FaultKind[] = ['rename', 'write', 'sync', 'unlink', 'create', 'truncate', 'mkdir'];

/** Rules that count the calls of every kind. */
export function countsOf(pattern: string): FaultRule[] {
  return PROCESSES.flatMap((process) => KINDS.map((kind): FaultRule => ({ process, kind, pattern, action: 'count' })));
}

/** How many calls of a kind were made under `countsOf`, where there were any. */
export function seenBy({
  faults,
  dataDirectory,
}: FaultyCollector): { readonly rule: FaultRule; readonly calls: number }[] {
  return countsOf(`${dataDirectory}/*`)
    .map((rule, index) => ({ rule, calls: faults.seen(index) }))
    .filter(({ calls }) => calls > 0);
}

export function anAction(random: Seeded, { process, kind }: FaultRule): FaultAction {
  const whom: Casualty = process === 'engine' && random.chance(0.5) ? 'both' : 'self';
  const actions: FaultAction[] = [
    'fail ENOSPC',
    'fail EIO',
    `delay ${100 + random.below(900)}`,
    `kill-before ${whom}`,
    `kill-after ${whom}`,
  ];
  if (kind === 'write') actions.push('short');
  return random.pick(actions);
}
