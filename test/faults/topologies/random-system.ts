import { Random } from '../random.ts';
import type { EntryPlan, PeerPlan, ServicePlan, Step, TopicPlan, Topology } from '../topology.ts';
import {
  api,
  broker,
  cache,
  cached,
  call,
  database,
  inside,
  locked,
  maybe,
  parallel,
  publish,
  query,
  repeat,
  service,
  silentService,
  work,
} from '../topology.ts';

const NOUNS = (
  'account address agenda archive asset auction audit basket billing booking budget campaign claim contract coupon ' +
  'courier device dispatch document energy event fleet form gallery geo grant group inventory invoice journal label ' +
  'lease ledger lesson library loyalty map market member meter menu parcel partner patient permit plan policy pricing ' +
  'profile project quota rating region rental report review route salary schedule sensor session shift survey tariff ' +
  'tax team tenant tour vendor visit wallet warehouse weather'
).split(' ');

const VERBS = ['list', 'get', 'create', 'update', 'check'];
const SYSTEMS = ['postgresql', 'mysql', 'mongodb', 'cassandra', 'mariadb'];
const LANGUAGES = ['java', 'go', 'nodejs', 'python', 'dotnet'] as const;

/** Below the first service: how it is reached, and what it does. */
interface Node {
  readonly name: string;
  readonly depth: number;
  readonly operations: readonly string[];
  readonly children: Node[];
  readonly protocol: 'http' | 'grpc';
}

/** A system of 3 to 40 services: a gateway, and a tree of services below it with some calls across. */
export function randomSystem(seed: string): Topology {
  const random = new Random(`system ${seed}`);
  const size = random.integer(3, 40);
  const nodes = treeOf(size, random);
  const gateway = nodes[0] as Node;
  const peers: Record<string, PeerPlan> = {};
  const topics: Record<string, TopicPlan> = {};
  const services: Record<string, ServicePlan> = {};
  const consumers = new Set(size >= 6 ? nodes.filter((node) => node.children.length === 0 && random.chance(0.2)) : []);
  for (const node of nodes) {
    const protocol = consumers.has(node) ? 'http' : node.protocol;
    const operations = node === gateway ? [] : consumers.has(node) ? [`process ${node.name}`] : node.operations;
    services[node.name] = service(
      Object.fromEntries(operations.map((name, at) => [name, stepsOf(node, at, random, peers, consumers)])),
      {
        language: random.pick(LANGUAGES),
        protocol,
        instances: random.integer(2, 4),
        workers: random.integer(6, 24),
        connections: random.integer(4, 10),
        clientSpans: random.chance(0.88),
        querySpans: random.chance(0.9),
        version: `${random.integer(1, 4)}.${random.integer(0, 20)}.${random.integer(0, 9)}`,
      },
    );
    if (consumers.has(node)) {
      peers['kafka'] = broker('kafka');
      topics[node.name] = {
        broker: 'kafka',
        service: node.name,
        operation: `process ${node.name}`,
        trace: random.chance(0.5) ? 'same' : 'linked',
        consumers: 2,
      };
    }
  }
  const entries = entriesOf(gateway, consumers, random);
  services[gateway.name] = service(
    Object.fromEntries(
      entries.map(({ operation, steps }) => [
        operation,
        { steps, errorRate: 0.002, notFoundRate: random.between(0, 0.02) },
      ]),
    ),
    { language: 'nodejs', instances: 3, workers: 64 },
  );
  return {
    name: `random-${size}`,
    ratePerSecond: random.between(3, 6),
    entries: entries.map(({ operation, weight }): EntryPlan => ({ service: gateway.name, operation, weight })),
    services,
    peers,
    topics,
    jobs: [],
  };
}

function treeOf(size: number, random: Random): Node[] {
  const nouns = random.shuffled(NOUNS);
  const nodes: Node[] = [{ name: 'gateway', depth: 0, operations: [], children: [], protocol: 'http' }];
  while (nodes.length < size) {
    const open = nodes.filter(({ depth, children }) => children.length < (depth === 0 ? 8 : 4) && depth < 5);
    const parent = random.pick(open);
    const name = nouns[nodes.length] ?? `service-${nodes.length}`;
    const protocol = random.chance(0.5) ? ('grpc' as const) : ('http' as const);
    const verbs = random.shuffled(VERBS).slice(0, random.integer(1, 3));
    const node: Node = {
      name,
      depth: parent.depth + 1,
      operations: verbs.map((verb) => operationName(protocol, name, verb)),
      children: [],
      protocol,
    };
    parent.children.push(node);
    nodes.push(node);
  }
  return nodes;
}

function operationName(protocol: 'http' | 'grpc', noun: string, verb: string): string {
  if (protocol === 'grpc') return `acme.${capital(noun)}/${capital(verb)}`;
  const method = verb === 'create' ? 'POST' : verb === 'update' ? 'PUT' : verb === 'check' ? 'HEAD' : 'GET';
  return verb === 'list' || verb === 'create' ? `${method} /${noun}s` : `${method} /${noun}s/{id}`;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function entriesOf(
  gateway: Node,
  consumers: ReadonlySet<Node>,
  random: Random,
): { operation: string; steps: Step[]; weight: number }[] {
  return gateway.children
    .flatMap((child) =>
      consumers.has(child)
        ? []
        : child.operations.map((operation, at) => {
            const others = gateway.children.filter((other) => other !== child && !consumers.has(other));
            const steps: Step[] = [work(random.between(1, 4)), call(child.name, operation, { timeoutMs: 8000 })];
            if (others.length > 0 && random.chance(0.4)) {
              const other = random.pick(others);
              steps.splice(1, 0, call(other.name, other.operations[0] ?? '', { optional: random.chance(0.3) }));
            }
            return {
              operation: `${at === 0 ? 'GET' : 'POST'} /${child.name}/${random.pick(VERBS)}${at === 0 ? '' : at}`,
              steps,
              weight: random.between(1, 4),
            };
          }),
    )
    .concat(
      gateway.children.every((child) => consumers.has(child))
        ? [
            {
              operation: 'POST /jobs',
              steps: [work(3), ...gateway.children.map(({ name }) => publish(name))],
              weight: 1,
            },
          ]
        : [],
    );
}

function stepsOf(
  node: Node,
  at: number,
  random: Random,
  peers: Record<string, PeerPlan>,
  consumers: ReadonlySet<Node>,
): Step[] {
  // Some operations are slow at all times.
  const steps: Step[] = [work(random.chance(0.08) ? random.between(60, 250) : random.between(0.8, 6))];
  const name = `${node.name}-db`;
  const style = random.next();
  if (style < 0.62) {
    peers[name] ??= database(random.pick(SYSTEMS));
    const table = `${node.name}s`;
    const read = query(name, at === 0 ? `SELECT ${table}` : `SELECT ${table} ${at}`, random.logNormal(5, 0.6));
    if (random.chance(0.25)) {
      peers[`${node.name}-cache`] ??= cache();
      steps.push(cached(`${node.name}-cache`, `GET ${node.name} ${at}`, random.between(0.7, 0.95), [read]));
    } else if (random.chance(0.15)) {
      steps.push(repeat(1, 4, read));
    } else steps.push(read);
    if (random.chance(0.2)) {
      steps.push(
        locked(`${table}-rows`, query(name, `SELECT ${table} FOR UPDATE`, 3), query(name, `UPDATE ${table}`, 4)),
      );
    } else if (random.chance(0.3)) steps.push(query(name, `INSERT ${table}`, random.logNormal(5, 0.4)));
  } else if (style < 0.72) {
    const address = `api.${node.name}.example`;
    peers[address] ??= api();
    steps.push(query(address, `POST /v1/${node.name}`, random.logNormal(90, 0.5)));
  } else if (style < 0.8) {
    const address = `${node.name}-legacy`;
    peers[address] ??= silentService();
    steps.push(query(address, `GET /${node.name}`, random.logNormal(15, 0.5)));
  }
  const calls = node.children.map((child): Step => {
    if (consumers.has(child)) return maybe(random.between(0.4, 1), publish(child.name));
    const step = call(child.name, random.pick(child.operations), {
      timeoutMs: random.pick([2000, 3000, 5000]),
      retries: random.chance(0.25) ? 1 : 0,
      optional: random.chance(0.15),
    });
    return random.chance(0.35) ? maybe(random.between(0.4, 0.9), step) : step;
  });
  steps.push(...(calls.length > 1 && random.chance(0.45) ? [parallel(...calls)] : calls));
  if (random.chance(0.25)) steps.push(inside(`map ${node.name}`, work(random.between(1, 8))));
  return steps;
}
