import type { OpenSpan } from './recorder.ts';
import type { CallStep, QueryStep } from './topology.ts';
import type { Service } from './parts.ts';

export function clientName(target: Service, { operation }: CallStep): string {
  return target.plan.protocol === 'grpc' ? operation : (operation.split(' ')[0] ?? operation);
}

export function serverAttributes({ plan }: Service, operation: string, id: string): Record<string, string> {
  if (plan.protocol === 'grpc') return rpcAttributes(operation);
  const [method = 'GET', route = '/'] = operation.split(' ');
  return { 'http.request.method': method, 'http.route': route, 'url.path': pathOf(route, id) };
}

export function pathOf(route: string, id: string): string {
  return route.replace(/\{\w+\}/, () => String(Number.parseInt(id.slice(0, 5), 16)));
}

export function rpcAttributes(operation: string): Record<string, string> {
  const [name = '', method = ''] = operation.split('/');
  return { 'rpc.system': 'grpc', 'rpc.service': name, 'rpc.method': method };
}

export function setStatus(span: OpenSpan, { plan }: Service, status: number): void {
  if (plan.protocol === 'grpc') span.attributes['rpc.grpc.status_code'] = GRPC_STATUS[status] ?? 2;
  else span.attributes['http.response.status_code'] = status;
}

/** gRPC's codes of HTTP statuses. */
const GRPC_STATUS: Readonly<Record<number, number>> = {
  200: 0,
  401: 16,
  403: 7,
  404: 5,
  429: 8,
  499: 1,
  500: 13,
  503: 14,
  504: 4,
};

export function queryAttributes(
  { type, system }: { readonly type: string; readonly system: string },
  { name, peer }: QueryStep,
): Record<string, string> {
  const [verb = name, target = ''] = name.split(' ');
  if (type === 'api' || type === 'silent-service') {
    return { 'http.request.method': verb, 'url.template': target, 'server.address': peer };
  }
  return {
    'db.system.name': system,
    'db.operation.name': verb,
    'db.query.summary': name,
    'server.address': peer,
    ...(type === 'database' && system !== 'redis' && { 'db.namespace': peer.replace(/-db$/, '') }),
  };
}

export function messageAttributes(
  system: string,
  topic: string,
  operation: string,
  address: string,
): Record<string, string> {
  return {
    'messaging.system': system,
    'messaging.destination.name': topic,
    'messaging.operation.type': operation,
    'server.address': address,
  };
}
