import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { healthRoutes } from '../packages/server/src/api/health-routes.ts';
import { readCommandLine } from '../packages/server/src/config/command-line.ts';
import { CONFIG_ENV, readConfig, type Config } from '../packages/server/src/config/config.ts';
import { ALL_SETTINGS } from '../packages/server/src/config/settings.ts';
import { capabilitiesOf } from '../packages/server/src/storage/capabilities.ts';
import { CLUSTER_LIMITS } from '../packages/server/src/storage/cluster/cluster-limits.ts';
import { ClusterSettings } from '../packages/server/src/storage/cluster/cluster-settings.ts';
import { clusterTables } from '../packages/server/src/storage/cluster/cluster-tables.ts';
import { root } from '../scripts/workspace.mjs';
import {
  compileObjects,
  elementsAt,
  misfitsOf,
  misfitsOfCompose,
  readDockerfile,
  readObjects,
  readXml,
  readYaml,
  textAt,
  type KubernetesObject,
  type XmlElement,
} from './support/deploy-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'throughline-deploy-'));
afterAll(() => rmSync(folder, { recursive: true }));

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What a collector makes of a file of settings, in a container with these variables. */
function configOf(text: string, env: Readonly<Record<string, string>>): Config {
  const path = join(folder, 'throughline.yaml');
  writeFileSync(path, text);
  return readConfig(new Map(), { ...env, [CONFIG_ENV]: path });
}

/** The path of the file in the container, and all variables that a collector knows. */
const KNOWN_VARIABLES = [CONFIG_ENV, ...ALL_SETTINGS.map(({ env }) => env)];

const PROBED = healthRoutes({ registry: undefined as never, readiness: () => ({ problems: [], warnings: [] }) }).map(
  ({ path }) => path,
);

/** What a server would answer that has this configuration. */
function serverWith(config: XmlElement) {
  const rows: Readonly<Record<string, readonly unknown[][]>> = {
    'system.clusters': elementsAt(config, 'remote_servers')[0]!.children.map((cluster) => [
      cluster.name,
      elementsAt(cluster, 'shard/replica').length,
    ]),
    'system.settings': [],
    'system.macros': elementsAt(config, 'macros')[0]!.children.map(({ name }) => [name]),
  };
  return {
    query: (sql: string) => {
      const [, answer] = Object.entries(rows).find(([table]) => sql.includes(table))!;
      return Promise.resolve(Buffer.from(answer.map((row) => `${JSON.stringify(row)}\n`).join('')));
    },
  };
}

interface ServerConfig {
  /** By which the others reach it. */
  readonly host: string;
  readonly shard: number;
  readonly xml: XmlElement;
}

function volumeOf({ spec }: KubernetesObject, name: string) {
  return [
    ...(spec.template.spec.volumes ?? []),
    ...(spec.volumeClaimTemplates ?? []).map(({ metadata }: KubernetesObject) => metadata),
  ].find((volume) => volume.name === name);
}

/** The key that the command in the README gives a Secret. */
function passwordKey(secret: string): string | undefined {
  return new RegExp(`create secret generic ${secret} --from-literal=(\\w+)=`).exec(read('deploy/README.md'))?.[1];
}

const containerOf = ({ spec }: KubernetesObject) => spec.template.spec.containers[0];

const labelsOf = ({ spec }: KubernetesObject): object => spec.template.metadata.labels;

/** The variables of a pod of a set, with those of the Secret as they are called. */
function podEnvOf(set: KubernetesObject, ordinal: number): Record<string, string> {
  const pod = `${set.metadata.name}-${ordinal}`;
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of containerOf(set).env ?? []) {
    env[name] = valueFrom?.fieldRef !== undefined ? pod : (value ?? `the ${valueFrom.secretKeyRef.key}`);
    env[name] = env[name]!.replaceAll(/\$\((\w+)\)/g, (_, other: string) => env[other]!);
  }
  return env;
}

/** A path of the image as one of the repository. */
const inImage = (path: string): string => path.replace(/^\/app\//, '');

function isSelected(set: KubernetesObject, selector: object): boolean {
  const labels = Object.entries(labelsOf(set));
  return Object.entries(selector).every(([key, value]) =>
    labels.some((label) => label[0] === key && label[1] === value),
  );
}

/** What each set-up must have, whoever starts it. */
function holdsTheCluster(setUp: {
  readonly config: () => Config;
  readonly servers: () => Promise<readonly ServerConfig[]>;
  readonly users: () => Promise<XmlElement>;
  readonly keeper: () => Promise<{ readonly hosts: readonly string[]; readonly xml: XmlElement }>;
}): void {
  it('has the cluster and the macros that a collector requires', async () => {
    const { storeCluster } = setUp.config();
    const settings = new ClusterSettings(storeCluster, clusterTables(storeCluster), CLUSTER_LIMITS);
    for (const { xml } of await setUp.servers()) await settings.open(serverWith(xml), capabilitiesOf('25.8'));
    expect(settings.forSelect('SELECT 1 FROM throughline.store_id')).toHaveProperty('select_sequential_consistency');
  });

  it('has each server in its shard, under the name that it goes by', async () => {
    const servers = await setUp.servers();
    for (const { xml, host } of servers) {
      const shards = elementsAt(xml, `remote_servers/${setUp.config().storeCluster}/shard`);
      const named = shards.flatMap((shard, index) =>
        elementsAt(shard, 'replica/host').map(({ text }) => ({ host: text, shard: index + 1 })),
      );
      expect(named).toEqual(servers.map((server) => ({ host: server.host, shard: server.shard })));
      expect(shards.map((shard) => textAt(shard, 'internal_replication'))).toEqual(shards.map(() => 'true'));
      expect(textAt(xml, 'macros/shard')).toBe(String(servers.find((server) => server.host === host)!.shard));
      expect(textAt(xml, 'macros/replica')).toBe(host);
      expect(textAt(xml, 'interserver_http_host')).toBe(host);
    }
    expect(new Set(servers.map(({ host }) => host)).size).toBe(servers.length);
  });

  it('names a server of each shard in the store, and a user that the servers have', async () => {
    const { store } = setUp.config();
    const urls = (store as readonly string[]).map((url) => new URL(url));
    const servers = await setUp.servers();
    const shards = urls.map(({ hostname }) => servers.find(({ host }) => host === hostname)?.shard);
    expect(new Set(shards)).toEqual(new Set(servers.map(({ shard }) => shard)));
    const users = elementsAt(await setUp.users(), 'users')[0]!.children.map(({ name }) => name);
    expect(urls.filter(({ username }) => !users.includes(username))).toEqual([]);
  });

  it('has servers and Keepers that know each other', async () => {
    const { hosts, xml } = await setUp.keeper();
    const port = textAt(xml, 'keeper_server/tcp_port');
    for (const server of await setUp.servers()) {
      const nodes = elementsAt(server.xml, 'zookeeper/node');
      expect(nodes.map((node) => textAt(node, 'host'))).toEqual(hosts);
      expect(nodes.map((node) => textAt(node, 'port'))).toEqual(nodes.map(() => port));
    }
    const raft = elementsAt(xml, 'keeper_server/raft_configuration/server');
    expect(raft.map((server) => textAt(server, 'hostname'))).toEqual(hosts);
    expect(raft.map((server) => textAt(server, 'id'))).toContain(textAt(xml, 'keeper_server/server_id'));
  });
}

describe('deploy/kubernetes', () => {
  const objects = readObjects('deploy/kubernetes');
  const ofKind = (kind: string): KubernetesObject[] => objects.filter((object) => object.kind === kind);
  const named = (kind: string, name: string): KubernetesObject =>
    ofKind(kind).find(({ metadata }) => metadata.name === name)!;
  const sets = ofKind('StatefulSet');

  const collectors = named('StatefulSet', 'throughline');
  const config = (): Config =>
    configOf(named('ConfigMap', 'throughline').data!['throughline.yaml']!, {
      THROUGHLINE_DATA_DIR: '/var/lib/throughline',
    });
  const shardSets = sets.filter(({ metadata }) => metadata.name.startsWith('clickhouse-'));
  const clickhouse = named('ConfigMap', 'clickhouse').data!;
  const keepers = named('StatefulSet', 'keeper');

  it.each(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object] as const))(
    'has a %s that fits the schema',
    async (_, object) => {
      expect(await misfitsOf(object)).toBeNull();
    },
  );

  it('has no field that Kubernetes does not know', () => {
    expect(compileObjects(objects)).toBe('');
  });

  holdsTheCluster({
    config,
    servers: () =>
      Promise.all(
        shardSets.flatMap((set, index) =>
          Array.from({ length: set.spec.replicas }, async (__, ordinal) => {
            const host = `${set.metadata.name}-${ordinal}.${set.spec.serviceName}`;
            return {
              host,
              shard: index + 1,
              xml: await readXml(clickhouse['clickhouse.xml']!, podEnvOf(set, ordinal)),
            };
          }),
        ),
      ),
    users: () => readXml(clickhouse['clickhouse-users.xml']!, podEnvOf(shardSets[0]!, 0)),
    keeper: async () => ({
      hosts: Array.from({ length: keepers.spec.replicas }, (_, ordinal) => `keeper-${ordinal}.keeper`),
      // As its command has it: the ordinal of the pod, counted from 1.
      xml: await readXml(named('ConfigMap', 'keeper').data!['keeper.xml']!, { KEEPER_ID: '1' }),
    }),
  });

  it('starts a collector by a command, flags and variables that it knows', () => {
    const { args, env } = containerOf(collectors);
    expect(readCommandLine(args, { name: 'up', flags: {}, namesMax: 1 })?.names).toEqual(['up']);
    expect(
      env.map(({ name }: { name: string }) => name).filter((name: string) => !KNOWN_VARIABLES.includes(name)),
    ).toEqual([]);
  });

  it('mounts what the settings name, and has room for what they allow', () => {
    const { volumeMounts, env } = containerOf(collectors);
    const mountOf = (path: string) =>
      volumeMounts.find(
        ({ mountPath }: { mountPath: string }) => path.startsWith(`${mountPath}/`) || path === mountPath,
      );
    const { dataDirectory, storePasswordFile, limits } = config();
    expect(mountOf(dataDirectory).name).toBe(collectors.spec.volumeClaimTemplates[0].metadata.name);
    const password = volumeOf(collectors, mountOf(storePasswordFile).name);
    expect(`${mountOf(storePasswordFile).mountPath}/${passwordKey(password.secret.secretName)}`).toBe(
      storePasswordFile,
    );
    const settings = env.find(({ name }: { name: string }) => name === CONFIG_ENV).value;
    const file = volumeOf(collectors, mountOf(settings).name);
    expect(Object.keys(named('ConfigMap', file.configMap.name).data!)).toContain(settings.split('/').at(-1));
    const { storage } = collectors.spec.volumeClaimTemplates[0].spec.resources.requests;
    const gib = Number(/^(\d+)Gi$/.exec(storage)![1]) * 1024 ** 3;
    expect(limits.spool.backlogBytesMax + limits.spool.diskReserveBytes).toBeLessThan(gib);
  });

  it('gives a collector the ports of its settings', () => {
    const ports = Object.fromEntries(
      containerOf(collectors).ports.map((port: { name: string; containerPort: number }) => [
        port.name,
        port.containerPort,
      ]),
    );
    const { otlpGrpcPort, otlpHttpPort, httpPort } = config();
    expect(ports).toEqual({ 'otlp-grpc': otlpGrpcPort, 'otlp-http': otlpHttpPort, http: httpPort });
  });

  it('probes paths and ports that are there', async () => {
    const { readinessProbe, livenessProbe } = containerOf(collectors);
    for (const { httpGet } of [readinessProbe, livenessProbe]) {
      expect(httpGet.port).toBe('http');
      expect(PROBED).toContain(httpGet.path);
    }
    const xml = await readXml(named('ConfigMap', 'keeper').data!['keeper.xml']!, { KEEPER_ID: '1' });
    expect(containerOf(keepers).readinessProbe.httpGet.path).toBe(
      textAt(xml, 'keeper_server/http_control/readiness/endpoint'),
    );
    const keeperPorts = containerOf(keepers).ports.map(({ containerPort }: { containerPort: number }) => containerPort);
    expect(keeperPorts.map(String)).toEqual([
      textAt(xml, 'keeper_server/tcp_port'),
      textAt(xml, 'keeper_server/http_control/port'),
      textAt(elementsAt(xml, 'keeper_server/raft_configuration/server')[0]!, 'port'),
    ]);
    for (const set of sets) {
      const container = containerOf(set);
      const names = container.ports.map(({ name }: { name: string }) => name);
      const probes = [container.livenessProbe, container.readinessProbe, container.startupProbe].filter(Boolean);
      for (const probe of probes) expect(names).toContain((probe.httpGet ?? probe.tcpSocket).port);
    }
  });

  it('has Services and budgets that find pods, and ports that pods have', () => {
    const selectors = [
      ...ofKind('Service').map(({ spec }) => spec.selector),
      ...ofKind('PodDisruptionBudget').map(({ spec }) => spec.selector.matchLabels),
      ...sets.map(({ spec }) => spec.selector.matchLabels),
    ];
    for (const selector of selectors) expect(sets.filter((set) => isSelected(set, selector))).not.toEqual([]);
    for (const { spec } of ofKind('Service')) {
      for (const set of sets.filter((candidate) => isSelected(candidate, spec.selector))) {
        const names = containerOf(set).ports.map(({ name }: { name: string }) => name);
        for (const { targetPort } of spec.ports) expect(names).toContain(targetPort);
      }
    }
    for (const set of sets) {
      const service = named('Service', set.spec.serviceName);
      expect(service.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
      expect(isSelected(set, service.spec.selector)).toBe(true);
      expect(ofKind('PodDisruptionBudget').some(({ spec }) => isSelected(set, spec.selector.matchLabels))).toBe(true);
    }
  });

  it('lets senders reach a collector whose store is away', () => {
    const forSenders = ofKind('Service').filter(({ spec }) =>
      spec.ports.some(({ targetPort }: { targetPort: string }) => targetPort.startsWith('otlp')),
    );
    expect(forSenders.length).toBeGreaterThan(0);
    for (const { spec } of forSenders) expect(spec.publishNotReadyAddresses).toBe(true);
  });

  it('runs nothing as root, or with a file system that it may change', () => {
    for (const set of sets) {
      expect(set.spec.template.spec.securityContext).toMatchObject({ runAsNonRoot: true });
      expect(set.spec.template.spec.securityContext.runAsUser).toBeGreaterThan(0);
      expect(containerOf(set).securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(containerOf(set).resources).toHaveProperty('limits.memory');
    }
  });

  it('mounts volumes that are there, and files that their ConfigMaps have', () => {
    for (const set of sets) {
      for (const { name, subPath } of containerOf(set).volumeMounts) {
        const volume = volumeOf(set, name);
        expect(volume, `${set.metadata.name}: ${name}`).toBeDefined();
        const files = Object.keys(named('ConfigMap', volume.configMap?.name)?.data ?? {});
        expect([undefined, ...files]).toContain(subPath);
      }
    }
  });

  it('takes passwords from a Secret that deploy/README.md makes', () => {
    const references = sets.flatMap((set) =>
      (containerOf(set).env ?? []).flatMap(({ valueFrom }: { valueFrom?: { secretKeyRef?: unknown } }) =>
        valueFrom?.secretKeyRef === undefined ? [] : [valueFrom.secretKeyRef],
      ),
    );
    expect(references.length).toBeGreaterThan(0);
    for (const { name, key } of references) expect(passwordKey(name)).toBe(key);
  });

  it('runs the version of this repository', () => {
    const { version } = JSON.parse(read('packages/server/package.json')) as { version: string };
    expect(containerOf(collectors).image.split(':').at(-1)).toBe(version);
  });
});

describe('deploy/compose', () => {
  interface Service {
    readonly image: string;
    readonly environment?: Readonly<Record<string, string | number>>;
    readonly configs: readonly { readonly source: string; readonly target: string }[];
    readonly secrets?: readonly string[];
    readonly volumes: readonly string[];
    readonly ports?: readonly string[];
    readonly build?: { readonly context: string };
    readonly entrypoint?: readonly string[];
    readonly healthcheck?: { readonly test: readonly string[] };
  }
  const compose = readYaml('deploy/compose/compose.yaml') as {
    readonly services: Readonly<Record<string, Service>>;
    readonly configs: Readonly<Record<string, { readonly file: string }>>;
    readonly secrets: Readonly<Record<string, { readonly file: string }>>;
    readonly volumes: object;
  };
  const { collector } = compose.services as { readonly collector: Service };
  const servers = Object.entries(compose.services).filter(([name]) => name.startsWith('clickhouse-'));
  const envOf = ({ environment = {} }: Service): Record<string, string> =>
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
  const fileOf = ({ configs }: Service, target: string): string =>
    read(join('deploy/compose', compose.configs[configs.find((file) => file.target === target)!.source]!.file));
  /** As the start of the container sets it. */
  const password = { CLICKHOUSE_THROUGHLINE_PASSWORD: 'from the file' };
  const config = (): Config =>
    configOf(fileOf(collector, envOf(collector)[CONFIG_ENV]!), { THROUGHLINE_DATA_DIR: '/var/lib/throughline' });

  it('fits the schema', async () => {
    expect(await misfitsOfCompose(compose)).toEqual([]);
  });

  holdsTheCluster({
    config,
    servers: () =>
      Promise.all(
        servers.map(async ([host, service]) => {
          const text = fileOf(service, '/etc/clickhouse-server/config.d/throughline.xml');
          const shard = Number(envOf(service)['CLICKHOUSE_SHARD']);
          return { host, shard, xml: await readXml(text, { ...password, ...envOf(service) }) };
        }),
      ),
    users: () => readXml(fileOf(servers[0]![1], '/etc/clickhouse-server/users.d/throughline.xml'), password),
    keeper: async () => ({
      hosts: ['keeper'],
      xml: await readXml(fileOf(compose.services['keeper']!, '/etc/clickhouse-keeper/keeper.xml'), {}),
    }),
  });

  it('sets the variables that the configuration takes', () => {
    for (const [, { entrypoint }] of servers) {
      for (const name of Object.keys(password)) expect(entrypoint?.join(' ')).toContain(`export ${name}=`);
    }
    expect(Object.keys(envOf(collector)).filter((name) => !KNOWN_VARIABLES.includes(name))).toEqual([]);
  });

  it('mounts files, secrets and volumes that are there', () => {
    for (const service of Object.values(compose.services)) {
      for (const { source } of service.configs) {
        expect(existsSync(join(root, 'deploy/compose', compose.configs[source]!.file))).toBe(true);
      }
      for (const volume of service.volumes) expect(compose.volumes).toHaveProperty([volume.split(':')[0]!]);
      for (const secret of service.secrets ?? []) expect(compose.secrets).toHaveProperty([secret]);
    }
    const [secret] = collector.secrets!;
    expect(config().storePasswordFile).toBe(`/run/secrets/${secret}`);
    const { file } = compose.secrets[secret!]!;
    expect(read('deploy/README.md')).toContain(`> ${file.replace('./', '')}`);
    expect(read('.gitignore').split('\n')).toContain(join('deploy/compose', file));
    expect(collector.volumes[0]!.split(':')[1]).toBe(config().dataDirectory);
  });

  it('publishes and probes the ports of the settings, on this machine alone', () => {
    const { otlpGrpcPort, otlpHttpPort, httpPort } = config();
    expect(collector.ports).toEqual([otlpGrpcPort, otlpHttpPort, httpPort].map((port) => `127.0.0.1:${port}:${port}`));
    const [, host, path] = /http:\/\/([\d.:]+)(\/\w+)/.exec(collector.healthcheck!.test.join(' '))!;
    expect(host).toBe(`127.0.0.1:${httpPort}`);
    expect(PROBED).toContain(path);
  });

  it('builds the collector out of the Dockerfile of this repository', () => {
    expect(existsSync(join(root, 'deploy/compose', collector.build!.context, 'Dockerfile'))).toBe(true);
  });
});

describe('Dockerfile', () => {
  const stages = readDockerfile('Dockerfile');
  const last = stages.at(-1)!;
  const names = stages.map(([from]) => from!.words[2]);
  const copies = stages.flatMap((stage) => stage.filter(({ name }) => name === 'COPY'));
  const one = (name: string): readonly string[] => last.find((instruction) => instruction.name === name)!.words;

  it('copies what is there', () => {
    for (const { words, flags } of copies) {
      expect([undefined, ...names]).toContain(flags['from']);
      // What the build makes is in this checkout as well, which has been built.
      for (const path of words.slice(0, -1)) expect(existsSync(join(root, inImage(path))), path).toBe(true);
    }
  });

  it('does not copy what .dockerignore leaves out', () => {
    const ignored = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('**/'));
    const fromContext = copies
      .filter(({ flags }) => flags['from'] === undefined)
      .flatMap(({ words }) => words.slice(0, -1));
    expect(fromContext.filter((path) => ignored.includes(path.split('/')[0]!))).toEqual([]);
  });

  it('has the manifest of each workspace before it installs', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: readonly string[] };
    const copied = copies.flatMap(({ words }) => words);
    for (const workspace of workspaces) expect(copied).toContain(`${workspace}/package.json`);
  });

  it('starts what it has copied, with the ports and the user that the others name', () => {
    const [, main] = JSON.parse(one('ENTRYPOINT').join(' ')) as [node: string, main: string];
    expect(existsSync(join(root, inImage(main)))).toBe(true);
    const copied = last.filter(({ name }) => name === 'COPY').map(({ words }) => inImage(words[0]!));
    expect(copied.some((path) => inImage(main).startsWith(`${path}/`))).toBe(true);
    const { otlpGrpcPort, otlpHttpPort, httpPort } = readConfig(new Map(), {});
    expect(one('EXPOSE').map(Number)).toEqual([otlpGrpcPort, otlpHttpPort, httpPort]);
    const variables = Object.fromEntries(one('ENV').map((word) => word.split('=') as [string, string]));
    expect(variables['THROUGHLINE_DATA_DIR']).toBe(one('VOLUME')[0]);
    const sets = readObjects('deploy/kubernetes').filter(({ metadata }) => metadata.name === 'throughline');
    const { spec } = sets.find(({ kind }) => kind === 'StatefulSet')!;
    expect(String(spec.template.spec.securityContext.runAsUser)).toBe(one('USER')[0]);
  });
});
