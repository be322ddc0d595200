import type { StoreNode } from '@throughline/trace/client';

/** How a server is, in a word or two, and how bad that is. */
export interface NodeState {
  readonly text: string;
  readonly level: 'good' | 'unknown' | 'warning' | 'bad';
}

/** What each trouble makes of a server, by its code. The first that a server has is shown. */
const states: Readonly<Record<string, NodeState>> = {
  store_node_away: { text: 'Unreachable', level: 'bad' },
  store_node_login: { text: 'Login rejected', level: 'bad' },
  store_node_other_store: { text: 'Other store', level: 'bad' },
  store_node_read_only: { text: 'Read-only', level: 'warning' },
  store_node_disk_full: { text: 'Disk full', level: 'warning' },
  store_node_clock: { text: 'Clock differs', level: 'warning' },
};

const notAsked: NodeState = { text: 'Not asked yet', level: 'unknown' };
const ready: NodeState = { text: 'Ready', level: 'good' };
const down: NodeState = { text: 'Down', level: 'bad' };
const troubled: NodeState = { text: 'Needs attention', level: 'warning' };

export function nodeState({ state, troubles }: Pick<StoreNode, 'state' | 'troubles'>): NodeState {
  if (state === 'unknown') return notAsked;
  const known = Object.entries(states).find(([code]) => troubles.some((trouble) => trouble.code === code))?.[1];
  if (state === 'down') return known?.level === 'bad' ? known : down;
  if (troubles.length === 0) return ready;
  return known?.level === 'warning' ? known : troubled;
}

/** The servers by shard, as a cluster has them, and by name. */
export function sortedNodes(nodes: readonly StoreNode[]): readonly StoreNode[] {
  return nodes.toSorted(
    (a, b) => (a.shard ?? Infinity) - (b.shard ?? Infinity) || (a.node < b.node ? -1 : Number(a.node > b.node)),
  );
}
