import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { healthRoutes, type Readiness } from './api/health-routes.ts';
import { ApiServer } from './api/http.ts';
import { openApiRoute } from './api/openapi.ts';
import { apiRoutes } from './api/routes.ts';
import { samplingRoute } from './api/sampling-route.ts';
import { StaticUi } from './api/static-ui.ts';
import { systemRoute } from './api/system-route.ts';
import type { Config } from './config/config.ts';
import { isLoopback, ownHostNames } from './config/config.ts';
import { LIMIT_SETTINGS } from './config/limits.ts';
import { ExactCounts } from './counts/exact-counts.ts';
import { Ingest } from './ingest/ingest.ts';
import { Loader } from './ingest/loader.ts';
import { Spool } from './ingest/spool.ts';
import { Headlines } from './query/headlines.ts';
import { findStoreFacts } from './query/store-facts.ts';
import { LimitCounter } from './limit-counter.ts';
import { listen, listenUnlessTaken, urlOf } from './listen.ts';
import { readiness } from './readiness.ts';
import { ByteBudget } from './receivers/byte-budget.ts';
import { OtlpGrpcReceiver } from './receivers/otlp-grpc.ts';
import { OtlpHttpReceiver } from './receivers/otlp-http.ts';
import { reasonFor } from './sampling/reason.ts';
import { countsMessage } from './sampling/counts-message.ts';
import { Sampling } from './sampling/sampling.ts';
import { ClusterEngine } from './storage/cluster.ts';
import { openDataDirectory } from './storage/data-directory.ts';
import { EmbeddedEngine } from './storage/embedded.ts';
import { Retention } from './storage/retention.ts';
import { System } from './system.ts';
import { VERSION } from './version.ts';

/** A collector that takes spans; its questions are answered once `ready` has resolved. */
export interface RunningServer {
  /** Such as `http://127.0.0.1:4319`. */
  readonly uiUrl: string;
  readonly otlpHttpUrl: string;
  /** Null where another program has the default port and no other one was asked for. */
  readonly otlpGrpcUrl: string | null;
  /** Resolves when the store is open; rejects with one clear message when it cannot be opened. */
  readonly ready: Promise<void>;
  /** Stops in order and keeps what was acknowledged. May be called at any time and more than once; never rejects. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** The built UI; the one that is shipped by default. */
  readonly uiDirectory?: string;
  /** The built program of the engine's process; the one that is shipped by default. */
  readonly engineProcessPath?: URL;
  /** The built program of the thread that decodes large JSON bodies; the one that is shipped by default. */
  readonly jsonWorkerPath?: URL;
}

/**
 * The order in which a running collector is taken apart: first nothing comes in, then what is in becomes stored. The times
 * that each may take stay together below the 10 s after which containers are killed.
 */
const STOP_ORDER = [
  'otlpHttp',
  'otlpGrpc',
  'sampling',
  'counts',
  'spool',
  'loader',
  'retention',
  'api',
  'system',
  'engine',
  'dataDirectory',
] as const;

/** How long a day may take to be dropped when the collector stops; the next start goes on with it. */
const RETENTION_STOP_TIMEOUT_MS = 500;

/** Starts everything. Rejects with one clear message, and leaves nothing behind, when it cannot. */
export async function startServer(config: Config, log: Logger, options: ServerOptions = {}): Promise<RunningServer> {
  const stops: Partial<Record<(typeof STOP_ORDER)[number], () => Promise<unknown>>> = {};
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    if (closing === null) log.info('stopping');
    return (closing ??= stop(stops, log).finally(() => log.info('stopped')));
  };
  try {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    new LimitCounter(registry).declare(LIMIT_SETTINGS.filter(countsHits).map(({ key }) => key));
    const { limits } = config;
    const hostNames = ownHostNames(config);

    const dataDirectory = await openDataDirectory(config.dataDirectory, { log });
    stops.dataDirectory = () => dataDirectory.release();

    const spool = new Spool({ directory: dataDirectory.spoolPath, log, registry, limits: limits.spool });
    await spool.open();
    stops.spool = () => spool.close();

    // Spans are taken from here on, even while the store is not open: the spool keeps them.
    const receiving = {
      ingest: new Ingest({
        spool,
        registry,
        limits: limits.ingest,
        rollupLimits: limits.rollups,
        retentionDays: config.retentionDays,
      }),
      budget: new ByteBudget({ registry, bytesMax: limits.receivers.bytesInFlightMax }),
      log,
      registry,
    };
    const counts = new ExactCounts({
      directory: join(dataDirectory.path, 'counts'),
      log,
      registry,
      limits: limits.counts,
      loaderLimits: limits.loader,
      rollupLimits: limits.rollups,
    });
    await counts.open();
    stops.counts = () => counts.close();
    const limitCounter = new LimitCounter(registry);
    const sampling = new Sampling({
      directory: join(dataDirectory.path, 'sampling'),
      log,
      registry,
      limits: limits.sampling,
      takeTotals: (report, isForwarded) => counts.take(countsMessage(report), !isForwarded),
      onLimit: (limit) => limitCounter.reached(`sampling.${limit}`),
    });
    stops.sampling = () => Promise.resolve(sampling.close());
    const otlpHttp = new OtlpHttpReceiver({
      ...receiving,
      routes: sampling.routes,
      limits: limits.otlpHttp,
      corsOrigins: config.corsOrigins,
      hosts: { names: new Set(hostNames), isStrict: isLoopback(config.host) },
      ...(options.jsonWorkerPath !== undefined && { jsonWorkerPath: options.jsonWorkerPath }),
    });
    const otlpHttpAddress = await listen(otlpHttp, config, 'otlpHttpPort');
    stops.otlpHttp = () => otlpHttp.close();
    const otlpGrpc = new OtlpGrpcReceiver({ ...receiving, limits: limits.otlpGrpc });
    const otlpGrpcAddress = await listenUnlessTaken(otlpGrpc, config, 'otlpGrpcPort', log);
    stops.otlpGrpc = () => otlpGrpc.close();

    const engine =
      config.store === 'embedded'
        ? new EmbeddedEngine({
            directory: dataDirectory.storePath,
            log,
            registry,
            limits: limits.engine,
            onProcess: (pid) => dataDirectory.noteEngine(pid),
            ...(options.engineProcessPath !== undefined && { processPath: options.engineProcessPath }),
          })
        : new ClusterEngine({ urls: config.store, log, registry, limits: limits.cluster });
    const query = { engine, limits: limits.query };
    let loader: Loader | null = null;
    const collectorReadiness = (): Readiness =>
      readiness({
        engine: engine.state,
        spool: spool.status,
        loader: loader?.status ?? null,
        counts: counts.status,
        countsLoader: counts.loaderStatus,
        isStopping: closing !== null,
        isWithoutGrpc: otlpGrpcAddress === null,
      });
    const system = new System({
      version: VERSION,
      storeKind: config.store === 'embedded' ? 'embedded' : 'clickhouse',
      retention: { maxAgeDays: config.retentionDays, maxDiskShare: config.retentionDiskShare },
      registry,
      engineState: () => engine.state,
      spool: () => spool.status,
      readiness: collectorReadiness,
      // Whoever asks how the collector is wants to hear it when the store does not answer, too.
      storeFacts: (signal) => findStoreFacts({ ...query, signal }).catch(() => null),
    });
    stops.system = () => Promise.resolve(system.close());
    const routes = [
      ...apiRoutes({
        query,
        headlines: new Headlines(limits.query),
        samplingReasonOf: (span) => reasonFor(sampling.controller, span),
        countedUntil: () => counts.countedUntil(),
        registry,
        endpoints: { otlpGrpcPort: otlpGrpcAddress?.port ?? null, otlpHttpPort: otlpHttpAddress.port },
      }),
      samplingRoute(sampling.told, Date.now),
      systemRoute((signal) => system.answer(signal)),
      ...healthRoutes({ registry, readiness: collectorReadiness }),
    ];
    const api = new ApiServer({
      routes: [...routes, openApiRoute(routes, VERSION)],
      ui: await StaticUi.read(options.uiDirectory ?? fileURLToPath(new URL('./ui/', import.meta.url))),
      hostNames,
      log,
      registry,
      limits: limits.http,
    });
    const uiAddress = await listen(api, config, 'httpPort');
    stops.api = () => api.close(limits.http.closeTimeoutMs);
    dataDirectory.notePorts({
      ...(otlpGrpcAddress !== null && { 'OTLP/gRPC': otlpGrpcAddress.port }),
      'OTLP/HTTP': otlpHttpAddress.port,
      'UI and API': uiAddress.port,
    });

    stops.engine = () => engine.close();
    const open = async (): Promise<void> => {
      await engine.start();
      if (closing !== null) return;
      const started = new Loader({ spool, engine, log, registry, limits: limits.loader });
      loader = started;
      started.start();
      counts.start(engine);
      const { drainTimeoutMs } = limits.loader;
      stops.loader = () => Promise.all([started.drain(drainTimeoutMs), counts.drain(drainTimeoutMs)]);
      const { retentionDays, retentionDiskShare } = config;
      const retention = new Retention({ engine, log, registry, retentionDays, retentionDiskShare });
      retention.start();
      stops.retention = () => retention.stop(RETENTION_STOP_TIMEOUT_MS);
      log.info({ dataDirectory: config.dataDirectory }, 'ready');
    };
    const ready = open();
    // Whoever awaits `ready` hears of a failure; one who does not must not crash by it.
    ready.catch(() => {});

    return {
      uiUrl: urlOf(config.host, uiAddress),
      otlpHttpUrl: urlOf(config.host, otlpHttpAddress),
      otlpGrpcUrl: otlpGrpcAddress === null ? null : urlOf(config.host, otlpGrpcAddress),
      ready,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function stop(stops: Partial<Record<string, () => Promise<unknown>>>, log: Logger): Promise<void> {
  for (const room of STOP_ORDER) {
    try {
      await stops[room]?.();
    } catch (error) {
      log.error({ err: error, room }, 'could not be stopped in order');
    }
  }
}

/** A limit whose hits are counted by its own key. */
function countsHits({ key, counter }: (typeof LIMIT_SETTINGS)[number]): boolean {
  return counter?.includes(`"${key}"`) ?? false;
}
