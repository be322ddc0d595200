import { closest } from '../closest.ts';
import { readCommandLine, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { NEWEST_SCHEMA } from '../storage/cluster/store-schema.ts';
import { shownText } from '../without-passwords.ts';

export interface SchemaOptions {
  readonly action: (typeof ACTIONS)[number];
  readonly config: Config;
  /** `print`: the schema that the store has; 0 for a new one. */
  readonly from: number;
  /** `print`: the ClickHouse that the statements are for, where no server is asked; null for the newest. */
  readonly serverVersion: string | null;
}

const ACTIONS = ['print', 'apply', 'check'] as const;

export const SCHEMA_USAGE = `Usage: throughline schema <action> [flags]

  print                   Print the statements that create the tables, as SQL for clickhouse-client; changes nothing. With --store URL for those
                          servers (it asks them for their version), else for the embedded store
  apply                   Bring the tables of --store up to date, as the start of a collector does; refused while a collector uses them
  check                   Compare the tables of each server in --store with what they should be; changes nothing. Exit code 0 if nothing
                          differs, 1 if something does, 2 if that is not known

  --from N                print: only what leads from schema N to the newest (${NEWEST_SCHEMA})
  --server-version V      print: for a ClickHouse server of this version, such as 24.8, without asking one

Also accepts the flags of throughline up: --store, --store-cluster, --store-password-file, --store-ca-file, --store-cert-file and
--store-key-file select the servers, --store-policy, --store-cold-volume and --store-cold-after where they keep old days.`;

const FROM = '--from';
const SERVER_VERSION = '--server-version';
const VERSION = 'a version of ClickHouse from 18.16 on, such as 24.8';

const SCHEMA: Command = {
  name: 'schema',
  flags: {
    [FROM]: { accepted: `the number of a schema from 0 to ${NEWEST_SCHEMA}` },
    [SERVER_VERSION]: { accepted: VERSION },
  },
  namesMax: 1,
};

/** With the action, where it comes first: `schema print`. */
export function schemaCommandName([action = '']: readonly string[]): string {
  return isAction(action) ? `${SCHEMA.name} ${action}` : SCHEMA.name;
}

/** Null when help is requested. Throws ConfigError. */
export function readSchemaOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SchemaOptions | null {
  const line = readCommandLine(args, SCHEMA);
  if (line === null) return null;
  const [action = ''] = line.names;
  if (!isAction(action)) throw unknownAction(action);
  const config = readConfig(line.flags, env);
  const given = [FROM, SERVER_VERSION].find((flag) => line.flags.has(flag));
  if (given !== undefined && action !== 'print') throw new ConfigError(`${given} is for throughline schema print`);
  const from = parseFrom(line.flags.get(FROM) ?? '0');
  const serverVersion = line.flags.get(SERVER_VERSION) ?? null;
  if (serverVersion !== null) checkVersion(serverVersion, config);
  if (action !== 'print' && config.store === 'embedded') {
    throw new ConfigError(
      'expected --store with the URLs of ClickHouse servers; the collector makes the tables of the embedded store itself',
    );
  }
  return { action, config, from, serverVersion };
}

function isAction(action: string): action is SchemaOptions['action'] {
  return (ACTIONS as readonly string[]).includes(action);
}

function unknownAction(action: string): ConfigError {
  const meant = closest(action, ACTIONS);
  const hint = meant === null ? `supported: ${ACTIONS.join(', ')}` : `did you mean ${meant}?`;
  const what = action === '' ? 'missing action' : `unknown action ${JSON.stringify(shownText(action))}`;
  return new ConfigError(`${what}; ${hint}`);
}

function parseFrom(text: string): number {
  const from = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (from <= NEWEST_SCHEMA) return from;
  throw new ConfigError(
    `${FROM}: got ${JSON.stringify(shownText(text))}, expected the number of a schema from 0 to ${NEWEST_SCHEMA}`,
  );
}

const OLDEST = [18, 16] as const;

function checkVersion(text: string, { store, sources }: Config): void {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})(?:\.\d{1,9}){0,4}$/.exec(text) ?? [];
  const isKnown =
    major !== undefined && (Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1]));
  if (!isKnown) {
    throw new ConfigError(`${SERVER_VERSION}: got ${JSON.stringify(shownText(text))}, expected ${VERSION}`);
  }
  if (store === 'embedded') return;
  throw new ConfigError(
    `${SERVER_VERSION} is given, and ${sources.get('store')} names servers that are asked for their version; use one of the two`,
  );
}
