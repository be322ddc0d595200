import { attributeText, KeySet } from '../attributes.ts';
import type { Span } from '../otlp.ts';

/**
 * A name for what a client or producer span calls, by the attributes of the span alone; for callees that send no spans
 * of their own. `undefined` if no attribute names it. The first of these counts, under its present name or its older
 * ones: the peer's service, the database, the destination of messages, the server's address with its port unless that
 * is 80 or 443, the kind of the database, the messaging system or the RPC service.
 *
 * @example
 * const attributes = [
 *   { key: 'db.system.name', value: { stringValue: 'postgresql' } },
 *   { key: 'db.namespace', value: { stringValue: 'orders' } },
 * ];
 * inferredDependency({ ...trace.span(0), attributes }); // 'orders database'
 *
 * @see https://opentelemetry.io/docs/specs/semconv/general/attributes/
 */
export function inferredDependency(span: Span): string | undefined {
  // Most spans have none of them.
  let texts: Map<string, string> | undefined;
  for (const { key, value } of span.attributes ?? []) {
    if (!KEYS.has(key)) continue;
    texts ??= new Map();
    // Where a key is repeated, the first counts.
    if (!texts.has(key)) texts.set(key, attributeText(value));
  }
  if (texts === undefined) return undefined;
  const known = texts;
  const first = (...keys: readonly string[]): string => {
    for (const key of keys) {
      const text = known.get(key);
      if (text !== undefined && text !== '') return text;
    }
    return '';
  };
  const peer = first('service.peer.name', 'peer.service');
  if (peer !== '') return peer;
  const databaseSystem = first('db.system.name', 'db.system');
  const namespace = first('db.namespace', 'db.name');
  // Redis numbers its namespaces; a bare number names nothing.
  if (databaseSystem !== '' && namespace !== '' && !/^\d+$/.test(namespace)) return `${namespace} database`;
  const destination = first('messaging.destination.name', 'messaging.destination');
  if (destination !== '') return destination;
  const address = first('server.address', 'net.peer.name', 'network.peer.address', 'net.peer.ip');
  if (address !== '') return withPort(address, first('server.port', 'net.peer.port', 'network.peer.port'));
  return databaseSystem || first('messaging.system', 'rpc.service') || undefined;
}

/**
 * What kind of thing a client or producer span calls, by its attributes alone; `undefined` if none says so. A database
 * is one under any name; `silent` is a service that sends no spans; `external` is known by its address only.
 *
 * @example
 * const attributes = [{ key: 'db.system.name', value: { stringValue: 'postgresql' } }];
 * dependencyKind({ ...trace.span(0), attributes }); // 'database'
 */
export function dependencyKind(span: Span): 'silent' | 'database' | 'queue' | 'external' | undefined {
  let kind: 'silent' | 'queue' | 'external' | undefined;
  for (const { key } of span.attributes ?? []) {
    if (!KEYS.has(key)) continue;
    if (key.startsWith('db.')) return 'database';
    if (key.startsWith('messaging.')) kind = 'queue';
    else if (kind !== 'queue') kind = isServiceKey(key) || kind === 'silent' ? 'silent' : 'external';
  }
  return kind;
}

function isServiceKey(key: string): boolean {
  return key === 'service.peer.name' || key === 'peer.service';
}

/** All that are asked for above. */
const KEYS = new KeySet(
  'service.peer.name',
  'peer.service',
  'db.system.name',
  'db.system',
  'db.namespace',
  'db.name',
  'messaging.destination.name',
  'messaging.destination',
  'server.address',
  'net.peer.name',
  'network.peer.address',
  'net.peer.ip',
  'server.port',
  'net.peer.port',
  'network.peer.port',
  'messaging.system',
  'rpc.service',
);

/** The usual ports of HTTP say nothing; any other one may be all that distinguishes two services on one host. */
function withPort(address: string, port: string): string {
  return port === '' || port === '80' || port === '443' ? address : `${address}:${port}`;
}
