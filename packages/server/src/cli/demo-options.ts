import { parseArgs } from 'node:util';
import { readConfig, type Config } from '../config/config.ts';
import { ConfigError } from '../config/setting.ts';

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

Opens a shop of four services and a database, sends it customers for a while, and tells why one of them had to wait.
Uses the collector that runs, or else starts one.

  --exit               End after the story; otherwise the shop stays open until Ctrl-C
  --json               Print one line of JSON: shopUrl, uiUrl, traceId, traceUrl, headline
  --shop-port PORT     Port of the shop's page (a free one)
  --load-seconds N     How long customers come, 1 to ${LOAD_SECONDS_MAX} (${LOAD_SECONDS})

and the flags of throughline up, which say where the collector is, or is to be.`;

/** Null when help is asked for. Throws ConfigError. */
export function readDemoOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DemoOptions | null {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { ...FLAGS, help: { type: 'boolean', short: 'h' } },
  });
  const own = new Map<string, string | undefined>();
  const ownPlaces = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    if (token.name === 'help') return null;
    if (!Object.hasOwn(FLAGS, token.name)) continue;
    own.set(token.name, token.value);
    ownPlaces.add(token.index);
    if (token.value !== undefined && !token.inlineValue) ownPlaces.add(token.index + 1);
  }
  return {
    config: readConfig(
      args.filter((_, place) => !ownPlaces.has(place)),
      env,
      { name: 'demo', flags: [...Object.keys(FLAGS).map((name) => `--${name}`), '--help'] },
    ),
    exit: own.has('exit'),
    json: own.has('json'),
    shopPort: own.has('shop-port') ? wholeNumber('--shop-port', own.get('shop-port'), 0, 65_535) : 0,
    loadSeconds: own.has('load-seconds')
      ? wholeNumber('--load-seconds', own.get('load-seconds'), 1, LOAD_SECONDS_MAX)
      : LOAD_SECONDS,
  };
}

const FLAGS = {
  exit: { type: 'boolean' },
  json: { type: 'boolean' },
  'shop-port': { type: 'string' },
  'load-seconds': { type: 'string' },
} as const;

function wholeNumber(flag: string, text: string | undefined, min: number, max: number): number {
  if (text !== undefined && /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new ConfigError(
    `${flag} was given ${text === undefined ? 'without a value' : `as ${JSON.stringify(text)}`}; ` +
      `accepted is a whole number from ${min} to ${max}`,
  );
}
