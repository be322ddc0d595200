import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DemoError } from './demo-error.ts';
import type { DemoProcesses } from './demo-processes.ts';

/** The shop's programs, which the build puts beside ours. */
export const SHOP_DIRECTORY = fileURLToPath(new URL('../examples/checkout/', import.meta.url));

/** What the programs import; optional dependencies of `throughline`. */
const PACKAGES = [
  '@electric-sql/pglite',
  '@electric-sql/pglite-socket',
  '@opentelemetry/api',
  '@throughline/sdk',
  'pg',
];

/** Spans are seen soon after they end: a person waits for them. */
const EXPORT_DELAY_MS = 500;

/**
 * Settings of other programs that would reach the shop's: an `OTEL_TRACES_SAMPLER` would hide spans, a `PGSSLMODE`
 * would keep `pg` from a database without TLS.
 */
const FOREIGN_SETTING = /^(?:OTEL_|THROUGHLINE_|PG)/;

/** Throws DemoError that says what to install when a package is missing that the shop needs. */
export function requireShopPackages(): void {
  if (!existsSync(SHOP_DIRECTORY)) {
    throw new DemoError('missing_package', `the shop's programs are not in ${SHOP_DIRECTORY}; build the package again`);
  }
  const missing = PACKAGES.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  throw new DemoError(
    'missing_package',
    `the demo needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed; ` +
      `install with: npm install ${missing.join(' ')}`,
  );
}

export interface ShopOptions {
  readonly otlpUrl: string;
  readonly uiUrl: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** Returns the address of the shop's page. Each process gets the addresses of those that it calls. */
export async function startShop(processes: DemoProcesses, { otlpUrl, uiUrl, port }: ShopOptions): Promise<string> {
  const env = {
    ...shopEnvironment(),
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
    OTEL_BSP_SCHEDULE_DELAY: String(EXPORT_DELAY_MS),
    THROUGHLINE_UI_URL: uiUrl,
    PORT: '0',
  };
  const start = (name: string, program: string, settings: Record<string, string>, args: string[] = []) =>
    processes.startServer({ name, path: join(SHOP_DIRECTORY, program), args, env: { ...env, ...settings } });

  const [cards, history] = await Promise.all([
    start('fraud database (cards)', 'database.js', {}, ['cards']),
    start('fraud database (history)', 'database.js', {}, ['history']),
  ]);
  const fraud = await start('fraud', 'fraud.js', { FRAUD_DB_URL: cards, FRAUD_HISTORY_DB_URL: history });
  const payment = await start('payment', 'payment.js', { FRAUD_URL: fraud });
  const checkout = await start('checkout', 'checkout.js', { PAYMENT_URL: payment });
  return start('web', 'web.js', { CHECKOUT_URL: checkout, PORT: String(port) });
}

/** Ours, without what is not the shop's. */
export function shopEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN_SETTING.test(name)));
}

/**
 * Whether the shop's programs would find it, whatever it has to be loaded by: in the folders above them, as Node looks
 * for it.
 */
function isInstalled(name: string): boolean {
  const folders = createRequire(join(SHOP_DIRECTORY, 'web.js')).resolve.paths(name) ?? [];
  return folders.some((folder) => existsSync(join(folder, name, 'package.json')));
}
