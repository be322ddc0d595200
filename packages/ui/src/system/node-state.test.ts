import type { StoreNode } from '@throughline/trace/client';
import { expect, test } from 'vitest';
import { nodeState, sortedNodes } from './node-state.ts';

const since = '2026-11-30T16:04:05.678Z';

function aNode(state: StoreNode['state'], ...codes: readonly string[]): StoreNode {
  const troubles = codes.map((code) => ({ code, message: '', since }));
  return { node: 'a:8123', shard: null, replica: null, version: null, state, since, troubles };
}

test('a server is as bad as what is wrong with it', () => {
  expect(nodeState(aNode('up')).level).toBe('good');
  expect(nodeState(aNode('unknown')).level).toBe('unknown');
  for (const code of ['store_node_away', 'store_node_login', 'store_node_other_store']) {
    expect(nodeState(aNode('down', 'store_node_clock', code))).toEqual(nodeState(aNode('down', code)));
    expect(nodeState(aNode('down', code)).level).toBe('bad');
  }
  for (const code of ['store_node_read_only', 'store_node_disk_full', 'store_node_clock']) {
    expect(nodeState(aNode('up', code)).level).toBe('warning');
    // What keeps it from being used counts.
    expect(nodeState(aNode('down', code)).level).toBe('bad');
  }
});

test('what a newer collector names is shown as well', () => {
  expect(nodeState(aNode('up', 'store_node_on_fire')).level).toBe('warning');
  expect(nodeState(aNode('down', 'store_node_on_fire')).level).toBe('bad');
});

test('servers stand by their shards, and those without one behind them', () => {
  const nodes = [
    { ...aNode('up'), node: 'd:1' },
    { ...aNode('up'), node: 'c:1', shard: 2 },
    { ...aNode('up'), node: 'b:1', shard: 1 },
    { ...aNode('up'), node: 'a:1', shard: 2 },
  ];
  expect(sortedNodes(nodes).map(({ node }) => node)).toEqual(['b:1', 'a:1', 'c:1', 'd:1']);
});
