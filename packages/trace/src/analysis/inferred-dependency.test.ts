import { expect, test } from 'vitest';
import { inferredDependency } from './inferred-dependency.ts';
import { aTrace, at, spansOf } from '../testing/a-trace.ts';

test.each<[Record<string, string | number>, string | undefined]>([
  [{ 'peer.service': 'fraud-db', 'db.system.name': 'postgresql', 'db.namespace': 'fraud' }, 'fraud-db'],
  [{ 'db.system.name': 'postgresql', 'db.namespace': 'fraud', 'server.address': 'db.local' }, 'fraud database'],
  [{ 'db.system': 'mysql', 'db.name': 'shop' }, 'shop database'],
  [{ 'db.system.name': 'redis', 'db.namespace': '0', 'server.address': 'cache', 'server.port': 6379 }, 'cache:6379'],
  [{ 'db.system.name': 'redis' }, 'redis'],
  [{ 'server.address': 'api.example.com', 'server.port': 443 }, 'api.example.com'],
  [{ 'net.peer.name': '127.0.0.1', 'net.peer.port': 4003 }, '127.0.0.1:4003'],
  [{ 'messaging.system': 'kafka', 'messaging.destination.name': 'orders', 'server.address': 'broker' }, 'orders'],
  [{ 'messaging.system': 'kafka' }, 'kafka'],
  [{ 'rpc.service': 'stock.Stock' }, 'stock.Stock'],
  [{ 'http.request.method': 'GET' }, undefined],
])('inferredDependency reads %j as %s', (attributes, name) => {
  const data = aTrace({ service: 'app', name: 'call', kind: 'client', from: 0, to: 1, attributes });
  expect(inferredDependency(at(spansOf(data), 0))).toBe(name);
});
