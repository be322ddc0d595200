import { Registry } from 'prom-client';
import { openStoreFiles, storeUrls } from '../config/store-urls.ts';
import { storagePolicyOf, type Config } from '../config/config.ts';
import { countOf } from '../count-of.ts';
import { differenceText } from '../storage/cluster/expect-schema.ts';
import {
  applySchema,
  checkSchema,
  NEWEST_SCHEMA,
  NEWEST_VERSION,
  printSchema,
  printSchemaFor,
  type StoreSchemaOptions,
} from '../storage/cluster/store-schema.ts';
import { createLog } from './log.ts';
import { reportFailure, reportInterrupted, USAGE_ERROR } from './report-failure.ts';
import { readSchemaOptions, schemaCommandName, SCHEMA_USAGE, type SchemaOptions } from './schema-options.ts';
import { stopOnSignal } from './stop-on-signal.ts';

/** `throughline schema`: looks after the tables on ClickHouse servers. Returns the exit code. */
export async function runSchema(args: readonly string[]): Promise<number> {
  const stop = stopOnSignal();
  const name = schemaCommandName(args);
  let options: SchemaOptions | null = null;
  try {
    options = readSchemaOptions(args, process.env);
    if (options === null) {
      process.stdout.write(`${SCHEMA_USAGE}\n`);
      return 0;
    }
    if (options.action === 'print') await print(options, stop);
    else if (options.action === 'apply') await apply(options, stop);
    else return await check(options, stop);
    return 0;
  } catch (error) {
    if (stop.aborted) {
      const isApplying = options?.action === 'apply';
      return reportInterrupted(name, isApplying ? 'run it again: it goes on where it stopped' : 'nothing was changed');
    }
    const code = reportFailure(name, error);
    // 1 says that something differs.
    return name === 'schema check' ? USAGE_ERROR : code;
  }
}

async function print({ config, from, serverVersion }: SchemaOptions, stop: AbortSignal): Promise<void> {
  const servers = serversOf(config, stop);
  const isEmbedded = servers === null && serverVersion === null;
  const text =
    servers === null
      ? printSchemaFor(serverVersion ?? NEWEST_VERSION, { isEmbedded, from })
      : await printSchema(servers, from);
  process.stdout.write(text);
}

async function apply({ config }: SchemaOptions, stop: AbortSignal): Promise<void> {
  const servers = serversOf(config, stop) as StoreSchemaOptions;
  const { joined, applied, isChanged } = await applySchema(servers);
  const lines = [
    ...joined.map(
      ({ origin, tables }) => `${origin}: made ${countOf(tables.length, 'table')} as the other servers have them`,
    ),
    ...applied.map(({ number, name }) => `schema ${number}: ${name}`),
  ];
  const end = `the store has schema ${NEWEST_SCHEMA}`;
  process.stdout.write([...lines, isChanged ? end : `nothing to do: ${end}`].map((line) => `${line}\n`).join(''));
}

async function check({ config }: SchemaOptions, stop: AbortSignal): Promise<number> {
  const servers = serversOf(config, stop) as StoreSchemaOptions;
  const differences = await checkSchema(servers);
  const end =
    differences.length === 0
      ? `no differences: ${countOf(servers.urls.length, 'server')} checked, schema ${NEWEST_SCHEMA}`
      : `${countOf(differences.length, 'difference')} found, see above`;
  process.stdout.write([...differences.map(differenceText), end].map((line) => `${line}\n`).join(''));
  return differences.length === 0 ? 0 : 1;
}

/** Null for the embedded store. */
function serversOf(config: Config, signal: AbortSignal): StoreSchemaOptions | null {
  const urls = storeUrls(config);
  if (urls === 'embedded') return null;
  const log = createLog(config);
  const files = openStoreFiles(config, log, new Registry());
  return {
    urls,
    cluster: config.storeCluster,
    ...storagePolicyOf(config),
    files,
    log,
    limits: config.limits.cluster,
    signal,
  };
}
