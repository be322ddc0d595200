import { readCommandLine, type Command } from '../config/command-line.ts';
import { readConfig, type Config } from '../config/config.ts';
import { integerFlag, integerFrom } from './integer-flag.ts';

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
  const line = readCommandLine(args, DEMO);
  if (line === null) return null;
  const { flags } = line;
  return {
    config: readConfig(flags, env),
    exit: flags.has('--exit'),
    json: flags.has('--json'),
    shopPort: integerFlag(flags, '--shop-port', SHOP_PORT) ?? 0,
    loadSeconds: integerFlag(flags, '--load-seconds', LOAD) ?? LOAD_SECONDS,
  };
}

const SHOP_PORT = integerFrom(0, 65_535);
const LOAD = integerFrom(1, LOAD_SECONDS_MAX);

const DEMO: Command = {
  name: 'demo',
  flags: { '--exit': 'switch', '--json': 'switch', '--shop-port': SHOP_PORT, '--load-seconds': LOAD },
};
