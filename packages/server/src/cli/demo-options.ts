import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';
import { splitArgs } from './command-args.ts';

export interface DemoOptions {
  /** Where the collector is looked for, and started when none is there. */
  readonly config: Config;
  /** End after printing, instead of keeping the shop open. */
  readonly exit: boolean;
  /** Print one line of JSON instead of text. */
  readonly json: boolean;
  /** 0 picks a free one. */
  readonly shopPort: number;
  readonly loadSeconds: number;
}

const LOAD_SECONDS = 15;
const LOAD_SECONDS_MAX = 600;

export const DEMO_USAGE = `Usage: throughline demo [flags]

Starts a shop of four services and a database, sends it customers for a while, and explains why one of them had to wait.
Uses a running collector, or starts one.

  --exit               Exit after the story; otherwise the shop stays open until Ctrl-C
  --json               Print one line of JSON: shopUrl, uiUrl, traceId, traceUrl, headline
  --shop-port PORT     Port of the shop's page (default: a free port)
  --load-seconds N     Seconds of load, 1 to ${LOAD_SECONDS_MAX} (default: ${LOAD_SECONDS})

Also accepts the flags of throughline up, which select the collector to use or to start.`;

/** Null when help is requested. Throws ConfigError. */
export function readDemoOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DemoOptions | null {
  const split = splitArgs(args, FLAGS);
  if (split === null) return null;
  const { names, own, ofConfig } = split;
  const flags = [...Object.keys(FLAGS), '--help'];
  return {
    config: readConfig([...ofConfig, ...names], env, { name: 'demo', flags }),
    exit: own.has('--exit'),
    json: own.has('--json'),
    shopPort: own.has('--shop-port') ? integer('--shop-port', own.get('--shop-port'), 0, 65_535) : 0,
    loadSeconds: own.has('--load-seconds')
      ? integer('--load-seconds', own.get('--load-seconds'), 1, LOAD_SECONDS_MAX)
      : LOAD_SECONDS,
  };
}

const FLAGS = { '--exit': 'switch', '--json': 'switch', '--shop-port': 'value', '--load-seconds': 'value' } as const;

function integer(flag: string, text: string | undefined, min: number, max: number): number {
  if (text !== undefined && /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  const problem = text === undefined ? 'missing value' : `got ${JSON.stringify(text)}`;
  throw new ConfigError(`${flag}: ${problem}, expected an integer from ${min} to ${max}`);
}
