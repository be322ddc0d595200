import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { Alerts } from './alerts/alerts.ts';
import { Evaluator } from './alerts/evaluator.ts';
import { Notifier } from './alerts/notifier.ts';
import { RuleFile } from './alerts/rule-file.ts';
import { StateFile } from './alerts/state-file.ts';
import { StateTable } from './alerts/state-table.ts';
import { alertsRoute } from './api/alerts-route.ts';
import { healthRoutes } from './api/health-routes.ts';
import { ApiServer } from './api/api-server.ts';
import { errorRoutes } from './api/error-routes.ts';
import { insightRoutes } from './api/insight-routes.ts';
import { mapRoutes } from './api/map-routes.ts';
import { maintenanceRoutes } from './api/maintenance-routes.ts';
import { openApiRoute } from './api/openapi-route.ts';
import { apartRoutes } from './api/apart-routes.ts';
import { apiRoutes } from './api/api-routes.ts';
import { compareRoutes } from './api/compare-routes.ts';
import { samplingRoute, samplingSettingsRoutes } from './api/sampling-route.ts';
import { StaticUi } from './api/static-ui.ts';
import { StoreAnswers } from './api/store-answers.ts';
import { systemRoute } from './api/system-route.ts';
import type { Config } from './config/config.ts';
import { isLoopback, ownHostNames, storagePolicyOf } from './config/config.ts';
import { LIMIT_SETTINGS } from './config/limit-settings.ts';
import { openStoreFiles, storeUrls } from './config/store-urls.ts';
import { urlOf } from './config/url-of.ts';
import { ExactCounts } from './counts/exact-counts.ts';
import { ArrivalClock } from './ingest/arrival-clock.ts';
import { allowAll, type AccessCheck } from './http/access.ts';
import type { Route } from './http/route.ts';
import { FreshSpans } from './spool/fresh-spans.ts';
import { Ingest } from './ingest/ingest.ts';
import { Loader } from './spool/loader.ts';
import type { Segment } from './spool/segment-recovery.ts';
import { Spool } from './spool/spool.ts';
import { ApartFinder } from './insight/apart-finder.ts';
import { ErrorFinder } from './insight/error-finder.ts';
import { InsightThread } from './insight/insight-thread.ts';
import { WindowComparer } from './insight/window-comparer.ts';
import { NormalsJob } from './normals/normals-job.ts';
import { Headlines } from './query/headlines.ts';
import { findStoreFacts } from './query/store-facts.ts';
import { TraceReader } from './query/trace-reader.ts';
import { LimitCounter } from './limit-counter.ts';
import { Jobs } from './jobs/jobs.ts';
import { listen, listenUnlessTaken } from './listen.ts';
import { collectProcessMetrics } from './collect-process-metrics.ts';
import { BeforeMigration } from './maintenance/before-migration.ts';
import { bytesHeldBySnapshots } from './maintenance/bytes-held-by-snapshots.ts';
import { InsertGate } from './maintenance/insert-gate.ts';
import { MaintenanceOfRunning } from './maintenance/maintenance-of-running.ts';
import { MCP_PATH, mcpRoute } from './mcp/mcp-route.ts';
import { readiness, type Readiness } from './readiness.ts';
import { BodyDecoder } from './receivers/decode/body-decoder.ts';
import { ByteBudget } from './receivers/body/byte-budget.ts';
import { Decompressor } from './receivers/body/decompressor.ts';
import { OtherSignals } from './receivers/otlp/other-signals.ts';
import { OtlpGrpcReceiver } from './receivers/grpc/otlp-grpc-receiver.ts';
import { HttpReceiver } from './receivers/http/http-receiver.ts';
import { otlpFormats } from './receivers/otlp-http/otlp-formats.ts';
import { OTLP_HTTP_PORT } from './receivers/otlp-http/otlp-http-port.ts';
import { reasonFor } from './sampling/reason-for.ts';
import { Sampling } from './sampling/sampling.ts';
import { answersWhenOpen } from './storage/answers-when-open.ts';
import { ClusterEngine } from './storage/cluster/cluster-engine.ts';
import { CollectorFleet, registerFleet } from './storage/cluster/collector-fleet.ts';
import { sessionFrom } from './storage/cluster/session-start.ts';
import { FleetVisibility } from './storage/rollups/fleet-visibility.ts';
import { forgetOldNotes } from './storage/cluster/old-notes.ts';
import { openDataDirectory, type DataDirectory } from './storage/directory/data-directory.ts';
import { EmbeddedEngine } from './storage/embedded/embedded-engine.ts';
import { KnownTime } from './storage/retention/known-time.ts';
import {
  HELD_BY_DIRECTORY,
  loadsUnderLease,
  registerLease,
  StoreLease,
  underLease,
  type Lease,
} from './storage/cluster/lease.ts';
import { NotedDays } from './storage/retention/noted-days.ts';
import { Retention } from './storage/retention/retention.ts';
import { RollupJob } from './storage/rollups/rollup-job.ts';
import { SpanVisibility, type ArrivalRange, type Batch } from './storage/span-visibility.ts';
import { damageFiles, StoreDamage } from './storage/damage/store-damage.ts';
import { settleStore, StoreCheck } from './storage/cluster/store-check.ts';
import { NotedId } from './storage/store-id.ts';
import { DAY_MS } from './storage/utc-day.ts';
import { System } from './system.ts';
import { Shutdown } from './shutdown.ts';
import { VERSION } from './version.ts';

/** A collector that accepts spans; queries are answered once `ready` has resolved. */
export interface RunningServer {
  /** Such as `http://127.0.0.1:4319`. */
  readonly uiUrl: string;
  /** Where agents ask; null where that is not switched on. */
  readonly mcpUrl: string | null;
  readonly otlpHttpUrl: string;
  /** Null where another program has the default port and no other one was asked for. */
  readonly otlpGrpcUrl: string | null;
  /** Resolves when the store is open; rejects with one clear message when it cannot be opened. */
  readonly ready: Promise<void>;
  /** Resolves when the store is not refused: it is ours, or unavailable and waited for. Rejects as `ready` does. */
  readonly admitted: Promise<void>;
  /** Stops in order and keeps what was acknowledged. May be called at any time and more than once; never rejects. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** The built UI; the one that is shipped by default. */
  readonly uiDirectory?: string;
  /** The built program of the engine's process; the one that is shipped by default. */
  readonly engineProcessPath?: URL;
  /** The built program of the thread that decodes large bodies; the one that is shipped by default. */
  readonly bodyWorkerPath?: URL;
  /** The built program of the thread that works on many traces; the one that is shipped by default. */
  readonly insightWorkerPath?: URL;
  /** Milliseconds since the epoch, for alerts alone; the time by default. */
  readonly alertClock?: () => number;
  /** Where alerts look for secrets; the environment by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The built program of the thread that measures what is usual; the one that is shipped by default. */
  readonly normalsWorkerPath?: URL;
}

/**
 * The order in which a running collector is taken apart: first nothing comes in, then what is in becomes stored. The
 * times that each may take stay together below the 10 s after which containers are killed.
 */
const STOP_ORDER = [
  'otlpHttp',
  'otlpGrpc',
  'sampling',
  'counts',
  'spool',
  'fresh',
  'loader',
  'damage',
  'maintenance',
  'alerts',
  'normals',
  'rollups',
  'retention',
  'api',
  'system',
  'lease',
  'engine',
  'opening',
  'dataDirectory',
] as const;

/** How long a batch may take to be counted when the collector stops; the next start goes on with it. */
const ROLLUPS_STOP_TIMEOUT_MS = 500;

/** How long a minute of traces may take to be measured when the collector stops; the next start measures it anew. */
const NORMALS_STOP_TIMEOUT_MS = 200;

/** How long a day may take to be dropped when the collector stops; the next start goes on with it. */
const RETENTION_STOP_TIMEOUT_MS = 500;

/** How long alerts may take to save what they know when the collector stops. */
const ALERTS_STOP_TIMEOUT_MS = 500;

/** So often what is noted in the store and over is deleted, which makes room for hundreds of notes. */
const OLD_NOTES_MS = 3_600_000;

/** How long a start that is interrupted may take to end, once the engine is closed. */
const OPENING_STOP_TIMEOUT_MS = 500;

/** What the parts of one collector share. */
interface Scope {
  readonly config: Config;
  readonly log: Logger;
  readonly options: ServerOptions;
  readonly registry: Registry;
  readonly limitCounter: LimitCounter;
  readonly shutdown: Shutdown<(typeof STOP_ORDER)[number]>;
  readonly dataDirectory: DataDirectory;
  /** Of a server or a cluster: who may run the jobs of the store, and where there is one collector, store spans. */
  readonly storeLease: StoreLease;
  /** The collectors that store into a cluster side by side; null on any other store. */
  readonly fleet: CollectorFleet | null;
  /** To store spans in the store that is used: the embedded one needs none beside its directory. */
  readonly lease: Lease;
  /** To run its jobs. */
  readonly leading: Lease;
  readonly jobs: Jobs;
  readonly access: AccessCheck;
  readonly hostNames: readonly string[];
  readonly alertFile: RuleFile;
  /** What is there once the store is open. */
  readonly later: {
    fresh: FreshSpans | null;
    loader: Loader | null;
    rollups: RollupJob | null;
    /** The arrival up to which everything is stored. */
    storedUntil: () => number;
    startAfter: (arrival: number) => void;
    isOpen: boolean;
  };
}

/** Starts everything. Rejects with one clear message, and leaves nothing behind, when it cannot. */
export async function startServer(config: Config, log: Logger, options: ServerOptions = {}): Promise<RunningServer> {
  const shutdown = new Shutdown(STOP_ORDER, log);
  try {
    const scope = await openScope(config, log, options, shutdown);
    const ingestion = await openIngestion(scope);
    const receivers = await openReceivers(scope, ingestion);
    const store = createStore(scope, ingestion);
    const { uiAddress, alerts } = await openApi(scope, ingestion, receivers, store);
    const { engine, admission } = store;
    shutdown.register('engine', () => engine.close());
    const ready = openStore(scope, ingestion, store, alerts);
    // Whoever awaits `ready` hears of a failure; one who does not must not crash by it.
    ready.catch(() => {});
    // What still opens the store has ended before another collector may have it.
    const opened = ready.catch(() => {});
    shutdown.register('opening', () =>
      Promise.race([opened, delay(OPENING_STOP_TIMEOUT_MS, undefined, { ref: false })]),
    );
    const admitted = Promise.race([aborted(admission.signal), ready]);
    admitted.catch(() => {});
    const uiUrl = urlOf(config.host, uiAddress.port) + config.basePath;

    return {
      uiUrl,
      mcpUrl: config.mcp ? uiUrl + MCP_PATH : null,
      otlpHttpUrl: urlOf(config.host, receivers.otlpHttpAddress.port),
      otlpGrpcUrl: receivers.otlpGrpcAddress === null ? null : urlOf(config.host, receivers.otlpGrpcAddress.port),
      ready,
      admitted,
      close: () => shutdown.run(),
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function openScope(
  config: Config,
  log: Logger,
  options: ServerOptions,
  shutdown: Scope['shutdown'],
): Promise<Scope> {
  const registry = new Registry();
  collectProcessMetrics(registry);
  const limitCounter = new LimitCounter(registry);
  limitCounter.declare(LIMIT_SETTINGS.filter(countsHits).map(({ key }) => key));
  const { limits } = config;
  const alertFile = new RuleFile(config.alertsFile, limits.alerts.rulesMax, log);
  const dataDirectory = await openDataDirectory(config.dataDirectory, { log });
  shutdown.register('dataDirectory', () => dataDirectory.release());
  const leasing = new AbortController();
  const isFleet = config.store !== 'embedded' && config.storeCluster !== '';
  const later: Scope['later'] = {
    fresh: null,
    loader: null,
    rollups: null,
    storedUntil: () => 0,
    startAfter: () => {},
    isOpen: false,
  };
  const leaseOptions = {
    session: sessionFrom(Date.now()),
    collector: new NotedId(join(dataDirectory.path, 'collector-id')).ensure(),
    description: `host ${hostname()}, version ${VERSION}, process ${process.pid}, data directory ${dataDirectory.path}`,
    log,
    limits: limits.cluster,
    signal: leasing.signal,
  };
  const storeLease: StoreLease = new StoreLease({
    ...leaseOptions,
    isShared: isFleet,
    mayHold: () => fleet?.isOutdated !== true,
  });
  const fleet: CollectorFleet | null = isFleet
    ? new CollectorFleet({
        ...leaseOptions,
        storedUntil: () => later.storedUntil(),
        startAfter: (arrival) => later.startAfter(arrival),
        leader: () => storeLease.holder,
      })
    : null;
  const leading = config.store === 'embedded' ? HELD_BY_DIRECTORY : storeLease;
  const lease = fleet ?? leading;
  registerLease(registry, lease);
  registerFleet(registry, fleet, leading);
  shutdown.register('lease', () => Promise.all([leading.release(), fleet?.release()]).finally(() => leasing.abort()));
  const jobs = new Jobs({
    log,
    registry,
    lease: {
      get isHeld() {
        return leading.lostBecause === null;
      },
    },
  });
  return {
    config,
    log,
    options,
    registry,
    limitCounter,
    shutdown,
    dataDirectory,
    storeLease,
    fleet,
    lease,
    leading,
    jobs,
    access: allowAll,
    hostNames: ownHostNames(config),
    alertFile,
    later,
  };
}

type Ingestion = Awaited<ReturnType<typeof openIngestion>>;

/** What takes spans and counts, and keeps them on the disk whatever the store does. */
async function openIngestion({ config, log, registry, limitCounter, shutdown, dataDirectory, jobs, later }: Scope) {
  const { limits } = config;
  const arrivals = new ArrivalClock(join(dataDirectory.path, 'last-arrival'));
  const visibility = new SpanVisibility();
  const spool = new Spool({
    directory: dataDirectory.spoolPath,
    log,
    registry,
    limits: limits.spool,
    onDurable: (block) => later.fresh?.take(block),
    sealAfterMs: (segment) => {
      const { segmentAgeMs } = limits.spool;
      if (later.fresh?.publishes(segment) === true) return segmentAgeMs;
      // While a shard is away segments are many, and small ones cost it more when it is back.
      return Math.min(segmentAgeMs, limits.fresh.publishMs * (1 + (later.loader?.waitingSegments ?? 0)));
    },
  });
  await spool.open();
  for (const segment of spool.sealed) arrivals.startAfter(segment.arrivals?.last ?? 0);
  // By no more than a day: the clock of one server must not lead the arrivals of every collector astray.
  later.startAfter = (arrival): void => {
    if (arrival <= (Date.now() + DAY_MS) * 1_000) arrivals.startAfter(arrival);
  };
  later.storedUntil = (): number => {
    const first = earlier(spool.firstArrival, arrivals.inFlight);
    return first === null ? arrivals.pass() : first - 1;
  };
  shutdown.register('spool', () => spool.close());

  const { retentionDays } = config;
  const time = new KnownTime({ retentionDays, lastArrivalMs: arrivals.last / 1_000 });
  const notedDays = new NotedDays(join(dataDirectory.path, 'stored-days'), log);
  time.noteStored(notedDays.days);
  // Spans are taken from here on, even while the store is not open: the spool keeps them.
  const ingest = new Ingest({
    spool,
    arrivals,
    registry,
    log,
    limits: limits.ingest,
    rollupLimits: limits.rollups,
    retentionDays,
    present: () => time.present,
  });
  const counts = new ExactCounts({
    directory: join(dataDirectory.path, 'counts'),
    log,
    registry,
    limits: limits.counts,
    loaderLimits: limits.loader,
    rollupLimits: limits.rollups,
  });
  await counts.open();
  shutdown.register('counts', () => counts.close());
  const hasBacklog = spool.status.backlogSegments + counts.status.backlogSegments > 0;
  const sampling = new Sampling({
    directory: join(dataDirectory.path, 'sampling'),
    log,
    registry,
    limits: limits.sampling,
    takeTotals: (message, isForwarded) => counts.take(message, !isForwarded),
    onLimit: (limit) => limitCounter.reached(`sampling.${limit}`),
  });
  const samplingJobs = sampling.jobs.map((job) => jobs.start(job));
  shutdown.register('sampling', async () => {
    await Promise.all(samplingJobs.map((job) => job.stop(0)));
    await sampling.close();
  });
  return { arrivals, visibility, spool, time, notedDays, ingest, counts, hasBacklog, sampling };
}

type Receivers = Awaited<ReturnType<typeof openReceivers>>;

/** Listens for spans. */
async function openReceivers(scope: Scope, { ingest, sampling }: Ingestion) {
  const { config, log, options, registry, shutdown, access, hostNames } = scope;
  const { limits } = config;
  const otherSignals = new OtherSignals({ log, registry });
  const receiving = {
    access,
    ingest,
    budget: new ByteBudget({ registry, bytesMax: limits.receivers.bytesInFlightMax }),
    decompressor: new Decompressor({ registry, limits: limits.receivers }),
    decoder: new BodyDecoder({
      ingest,
      otherSignals,
      registry,
      limits: limits.receivers,
      ...(options.bodyWorkerPath !== undefined && { workerPath: options.bodyWorkerPath }),
    }),
    otherSignals,
    log,
    registry,
  };
  const formats = otlpFormats({ ...receiving, limits: limits.otlpHttp });
  const otlpHttp = new HttpReceiver({
    ...receiving,
    port: OTLP_HTTP_PORT,
    formats,
    routes: sampling.routes,
    limits: limits.otlpHttp,
    corsOrigins: config.corsOrigins,
    hosts: { names: new Set(hostNames), isStrict: isLoopback(config.host) },
  });
  const otlpHttpAddress = await listen(otlpHttp, config, 'otlpHttpPort');
  shutdown.register('otlpHttp', () => otlpHttp.close());
  const otlpGrpc = new OtlpGrpcReceiver({ ...receiving, limits: limits.otlpGrpc });
  const otlpGrpcAddress = await listenUnlessTaken(otlpGrpc, config, 'otlpGrpcPort', log);
  shutdown.register('otlpGrpc', async () => {
    await otlpGrpc.close();
    await receiving.decompressor.close();
    await receiving.decoder.close();
  });
  return { formats, otlpHttpAddress, otlpGrpcAddress };
}

type Store = ReturnType<typeof createStore>;

/** The store, before it is opened. */
function createStore(scope: Scope, { visibility, time, notedDays, hasBacklog }: Ingestion) {
  const { config, log, options, registry, dataDirectory, storeLease, fleet, lease, later } = scope;
  const { limits, retentionDays, retentionDiskShare } = config;
  const urls = storeUrls(config);
  const storeCheck = {
    noted: new NotedId(join(dataDirectory.path, 'store-id')),
    // What waited before this start; what comes in from now on belongs into the store that is given now.
    hasBacklog,
    log,
  };
  const beforeMigration = new BeforeMigration(dataDirectory.path, log);
  const admission = new AbortController();
  const damage = new StoreDamage({
    log,
    registry,
    limits: limits.damage,
    ...damageFiles(dataDirectory.path),
  });
  const engine =
    urls === 'embedded'
      ? new EmbeddedEngine({
          directory: dataDirectory.storePath,
          log,
          registry,
          limits: limits.engine,
          aroundDamage: (opened) => damage.forWork(opened),
          beforeMigration: (opened) => beforeMigration.keep(opened),
          onProcess: (pid) => {
            dataDirectory.noteEngine(pid);
            later.fresh?.reset();
          },
          ...(options.engineProcessPath !== undefined && { processPath: options.engineProcessPath }),
        })
      : new ClusterEngine({
          urls,
          log,
          registry,
          limits: limits.cluster,
          lease: storeLease,
          ...(fleet !== null && { fleet, startAt: fleet.number }),
          schema: config.storeSchema,
          check: new StoreCheck(storeCheck),
          files: openStoreFiles(config, log, registry),
          ...(config.storeCluster !== '' && { cluster: config.storeCluster }),
          ...storagePolicyOf(config),
          onAway: () => admission.abort(),
        });
  const isOwnStore = urls === 'embedded';
  const gate = new InsertGate();
  const writable = gate.around(loadsUnderLease(isOwnStore ? damage.forWork(engine) : engine, lease));
  const asked = answersWhenOpen(isOwnStore ? damage.forQueries(engine) : engine, () => later.isOpen);
  const query = {
    engine: asked,
    limits: limits.query,
    visibility: fleet === null ? visibility : new FleetVisibility(asked),
  };
  const retention = new Retention({
    engine: writable,
    log,
    registry,
    retentionDays,
    retentionDiskShare,
    limits: limits.retention,
    ...(isOwnStore && { heldBytes: () => bytesHeldBySnapshots(dataDirectory.path) }),
    onStoredDays: (days) => {
      time.noteStored(days);
      notedDays.note(days);
    },
  });
  // Of several collectors the next one goes on with what this one knows; tables that are not ours to make are not made.
  const alertStates =
    engine instanceof ClusterEngine && config.storeSchema === 'managed'
      ? new StateTable(underLease(underLease(engine.forJobs, lease), scope.leading))
      : new StateFile(join(dataDirectory.path, 'alerts', 'states.json'));
  return {
    storeCheck,
    beforeMigration,
    admission,
    damage,
    engine,
    isOwnStore,
    gate,
    writable,
    query,
    retention,
    alertStates,
  };
}

/** Serves the UI and the API. */
async function openApi(scope: Scope, ingestion: Ingestion, receivers: Receivers, store: Store) {
  const { config, log, options, registry, limitCounter, shutdown, dataDirectory, lease, access, hostNames, later } =
    scope;
  const { fleet, leading, alertFile } = scope;
  const { limits, retentionDays, retentionDiskShare } = config;
  const { spool, time, ingest, counts, sampling } = ingestion;
  const { formats, otlpHttpAddress, otlpGrpcAddress } = receivers;
  const { damage, engine, isOwnStore, gate, query, retention, alertStates } = store;
  const collectorReadiness = (): Readiness =>
    readiness({
      engine: later.isOpen || engine.state.kind !== 'ready' ? engine.state : { kind: 'starting' },
      spool: spool.status,
      loader: later.loader?.status ?? null,
      counts: counts.status,
      countsLoader: counts.loaderStatus,
      lostLease: lease.lostBecause,
      heldDays: retention.heldBecause,
      clockDoubt: time.doubt,
      damage,
      damagedDefinitions: engine instanceof EmbeddedEngine ? engine.damagedDefinitions : [],
      ...(engine instanceof ClusterEngine && { nodes: engine.nodes }),
      isStopping: shutdown.isStopping,
      isWithoutGrpc: otlpGrpcAddress === null,
    });
  const system = new System({
    version: VERSION,
    storeKind: config.store === 'embedded' ? 'embedded' : 'clickhouse',
    retention: { maxAgeDays: retentionDays, maxDiskShare: retentionDiskShare },
    ingest: () => ingest.status,
    limitsReached: () => limitCounter.status,
    engineState: () => engine.state,
    nodes: () => (engine instanceof ClusterEngine ? engine.nodes.nodes : []),
    collectors: () => fleet?.collectors ?? [],
    spool: () => spool.status,
    readiness: collectorReadiness,
    // Whoever asks how the collector is wants to hear it when the store does not answer, too.
    storeFacts: (signal) => findStoreFacts({ ...query, signal }).catch(() => null),
  });
  shutdown.register('system', () => system.close());
  const maintenance = new MaintenanceOfRunning({
    engine: isOwnStore ? engine : null,
    dataDirectory: dataDirectory.path,
    log,
    gate,
    mend: (parts) => damage.mend(engine, parts),
    counts,
    rollups: () => (later.isOpen ? later.rollups : null),
    registry,
    limits: limits.maintenance,
  });
  shutdown.register('maintenance', () => maintenance.stop());
  const traceReader = new TraceReader({ registry, limits: limits.query });
  const ofInsight = { registry, limits: limits.insight };
  const insightThread = new InsightThread({ ...ofInsight, workerPath: options.insightWorkerPath });
  const windows = new WindowComparer({ ...ofInsight, thread: insightThread });
  const errors = new ErrorFinder({ ...ofInsight, thread: insightThread });
  const apart = new ApartFinder({ ...ofInsight, thread: insightThread });
  const answers = new StoreAnswers({
    query,
    registry,
    shardsAway: () => (engine instanceof ClusterEngine ? engine.shardsAway : 0),
  });
  const headlines = new Headlines(limits.query, traceReader);
  const now = options.alertClock ?? Date.now;
  const startedMs = now();
  let ownUrl = '';
  const alerts = new Alerts({
    file: alertFile,
    evaluator: new Evaluator({
      query,
      windows,
      headlines,
      countedUntil: () => counts.countedUntil(),
      resolveWindowMs: limits.alerts.resolveWindowMs,
    }),
    notifier: new Notifier({ env: options.env ?? process.env, limits: limits.alerts, log, registry, now }),
    states: alertStates,
    term: () => leading.term,
    listeningSinceMs: () => fleet?.thereSinceMs ?? startedMs,
    storedUntil: async () => (fleet === null ? later.storedUntil() : await fleet.storedUntil()),
    publicUrl: () => (config.publicUrl === '' ? ownUrl : config.publicUrl),
    limits: limits.alerts,
    log,
    registry,
    limitCounter,
    now,
  });
  const ofApi = [
    ...apiRoutes({
      answers,
      traceReader,
      headlines,
      samplingReasonOf: (span) => reasonFor(sampling.controller, span),
      countedUntil: () => counts.countedUntil(),
      registry,
      basePath: config.basePath,
      endpoints: { otlpGrpcPort: otlpGrpcAddress?.port ?? null, otlpHttpPort: otlpHttpAddress.port },
    }),
    ...compareRoutes({ answers, traceReader, registry }),
    ...errorRoutes({ answers, errors, now: Date.now }),
    ...apartRoutes({ answers, apart, bytesMax: limits.insight.requestBytesMax }),
    alertsRoute(alerts, alertFile),
    ...insightRoutes({ answers, windows, now: Date.now, bytesMax: limits.insight.requestBytesMax }),
    ...mapRoutes({ answers, now: Date.now }),
  ];
  const routes = [
    ...ofApi,
    samplingRoute(sampling.control, Date.now),
    ...samplingSettingsRoutes(sampling.control, limits.sampling.settingsBytesMax),
    systemRoute((signal) => system.answer(signal), answers),
    ...maintenanceRoutes(maintenance),
    ...healthRoutes({ registry, readiness: collectorReadiness }),
    ...(config.mcp ? [await openMcp(scope, ofApi)] : []),
  ];
  const api = new ApiServer({
    routes: [
      ...routes,
      openApiRoute({
        routes,
        version: VERSION,
        basePath: config.basePath,
        receiver: { port: otlpHttpAddress.port, formats, routes: sampling.routes },
      }),
    ],
    ui: await StaticUi.read(options.uiDirectory ?? fileURLToPath(new URL('./ui/', import.meta.url)), config.basePath),
    hostNames,
    basePath: config.basePath,
    access,
    log,
    registry,
    limits: limits.http,
  });
  const uiAddress = await listen(api, config, 'httpPort');
  ownUrl = urlOf(config.host, uiAddress.port) + config.basePath;
  shutdown.register('api', async () => {
    await api.close(limits.http.closeTimeoutMs);
    await Promise.all([traceReader.close(), insightThread.close()]);
  });
  dataDirectory.notePorts({
    ...(otlpGrpcAddress !== null && { 'OTLP/gRPC': otlpGrpcAddress.port }),
    'OTLP/HTTP': otlpHttpAddress.port,
    'UI and API': uiAddress.port,
  });
  return { uiAddress, alerts };
}

/** What agents ask, of the routes of the API. */
function openMcp({ config, log, registry }: Scope, routes: readonly Route[]): Promise<Route> {
  const { mcp: limits, http } = config.limits;
  const { retryAfterMs } = http;
  return mcpRoute({ routes, version: VERSION, log, registry, limits, retryAfterMs, now: Date.now });
}

/** Opens the store, and begins what works on it. */
async function openStore(scope: Scope, ingestion: Ingestion, store: Store, alerts: Alerts): Promise<void> {
  const { config, log, registry, shutdown, dataDirectory, jobs, fleet, lease, leading, later } = scope;
  const { limits } = config;
  const { arrivals, visibility, spool, counts } = ingestion;
  const { storeCheck, beforeMigration, admission, damage, engine, isOwnStore, writable, retention } = store;
  await engine.start();
  if (shutdown.isStopping) return;
  const damagedDays = isOwnStore ? await damage.findAtStart(engine) : null;
  if (isOwnStore) await settleStore(damage.forWork(engine), storeCheck);
  if (shutdown.isStopping) return;
  admission.abort();
  const forJobs = underLease(engine instanceof ClusterEngine ? underLease(engine.forJobs, lease) : writable, leading);
  const rollups = new RollupJob({
    engine: forJobs,
    ...(engine instanceof ClusterEngine && {
      endOthers: () => engine.endJobsOfOthers(),
      shards: async () => (await engine.shards()).map((shard) => underLease(shard, leading)),
    }),
    ...(fleet !== null && { fleet: fleetOf(fleet, arrivals, writable) }),
    visibility,
    jobs,
    log,
    registry,
    limits: limits.rollups,
    firstUnstored: () => earlier(spool.firstArrival, arrivals.inFlight),
    lastArrival: () => arrivals.last,
    term: () => leading.term,
  });
  shutdown.register('rollups', () => rollups.stop(ROLLUPS_STOP_TIMEOUT_MS));
  await rollups.start(damagedDays);
  if (shutdown.isStopping) return;
  later.rollups = rollups;
  if (isOwnStore) {
    damage.noteRebuilt();
    damage.start(engine, (days) => rollups.rebuildDays(days));
    shutdown.register('damage', () => damage.stop());
  }
  if (engine.fresh !== null) {
    const fresh = new FreshSpans({
      directory: join(dataDirectory.path, 'fresh'),
      tables: engine.fresh,
      visibility,
      log,
      registry,
      limits: limits.fresh,
      read: (segment, offset, length) => spool.read(segment, offset, length),
      seal: (segment, ageMs) => spool.sealBy(segment, ageMs),
    });
    shutdown.register('fresh', () => fresh.close());
    later.fresh = fresh;
    await fresh.start(() => spool.openName);
  }
  const started = new Loader({
    spool,
    engine: writable,
    log,
    registry,
    limits: limits.loader,
    onStoring: ({ arrivals: arrived }) => rollups.noteLate(arrived),
    onStored: (segment) => {
      // Of several collectors one counts, by what is noted in the store.
      if (fleet === null) visibility.stored(storedBatch(segment));
      later.fresh?.stored(segment);
      arrivals.remember(segment.arrivals?.last ?? 0);
      rollups.notice();
    },
    onSkipped: (segment) => later.fresh?.stored(segment),
    ...(engine.fresh === null && { newestAfterMs: limits.fresh.publishMs }),
  });
  later.isOpen = true;
  await beforeMigration.opened();
  if (shutdown.isStopping) return;
  later.loader = started;
  started.start();
  counts.start(writable);
  const { drainTimeoutMs } = limits.loader;
  shutdown.register('loader', () => Promise.all([started.drain(drainTimeoutMs), counts.drain(drainTimeoutMs)]));
  const oldNotes = { name: 'notes', everyMs: OLD_NOTES_MS, startsLater: true, needsLease: true };
  const deleting = [jobs.start(retention.job)];
  if (!isOwnStore) deleting.push(jobs.start({ ...oldNotes, run: () => forgetOldNotes(forJobs) }));
  shutdown.register('retention', () => Promise.all(deleting.map((job) => job.stop(RETENTION_STOP_TIMEOUT_MS))));
  const notifying = jobs.start(alerts.notificationJob);
  alerts.onWaiting(() => notifying.wake());
  const alerting = [notifying, jobs.start(alerts.evaluationJob)];
  shutdown.register('alerts', () => Promise.all(alerting.map((job) => job.stop(ALERTS_STOP_TIMEOUT_MS))));
  if (limits.normals.spansPerSecondMax > 0) startNormals(scope, ingestion, store);
  log.info({ dataDirectory: config.dataDirectory }, 'ready');
}

/** Measures what is usual from what has been stored. */
function startNormals(scope: Scope, { spool, arrivals }: Ingestion, { engine, writable }: Store): void {
  const { config, options, registry, shutdown, dataDirectory, jobs, fleet, leading } = scope;
  const storedUntil = async (): Promise<number> => {
    if (fleet !== null) return await fleet.storedUntil();
    return earlier(spool.firstArrival, arrivals.inFlight) ?? Date.now() * 1_000;
  };
  const normals = new NormalsJob({
    engine: writable,
    ...(engine instanceof ClusterEngine && { shards: () => engine.shards() }),
    directory: join(dataDirectory.path, 'normals'),
    registry,
    limits: config.limits.normals,
    storedUntilMs: async () => (await storedUntil()) / 1_000,
    term: () => leading.term,
    ...(options.normalsWorkerPath !== undefined && { workerPath: options.normalsWorkerPath }),
  });
  const job = jobs.start(normals.job);
  shutdown.register('normals', async () => {
    await Promise.all([job.stop(NORMALS_STOP_TIMEOUT_MS), normals.close()]);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** A segment of a version without arrivals gets the time at which it is stored. */
function storedBatch({ arrivals, seconds, rows }: Segment): Batch & { readonly arrivals: ArrivalRange } {
  return { arrivals: arrivals ?? { first: 0, last: Date.now() * 1_000 }, seconds, rows };
}

function fleetOf(
  fleet: CollectorFleet,
  arrivals: ArrivalClock,
  engine: Pick<ClusterEngine, 'query' | 'command' | 'tables'>,
) {
  return {
    engine,
    startAfter: (arrival: number) => arrivals.startAfter(arrival),
    storedUntil: () => fleet.storedUntil(),
    renew: () => fleet.renew(),
    get term() {
      return fleet.term;
    },
    get publishedUntil() {
      return fleet.publishedUntil;
    },
  };
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/** A limit whose hits are counted by its own key. */
function countsHits({ key, counter }: (typeof LIMIT_SETTINGS)[number]): boolean {
  return counter?.includes(`"${key}"`) ?? false;
}
