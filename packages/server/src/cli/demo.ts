import { uiPath } from '@throughline/trace/client';
import { findOrStartCollector, orAborted, type Collector } from './demo-collector.ts';
import { sendCustomers } from './demo-customers.ts';
import { headlineOfLateTrace } from './demo-late-span.ts';
import { DEMO_USAGE, readDemoOptions, type DemoOptions } from './demo-options.ts';
import { DemoProcesses } from './demo-processes.ts';
import { requireShopPackages, startShop } from './demo-shop.ts';
import { paint } from './paint.ts';
import { reportFailure } from './report-failure.ts';
import { stopOnSignal } from './stop-on-signal.ts';

/** What the demo found; the one line that `--json` prints. */
interface DemoResult {
  readonly shopUrl: string;
  readonly uiUrl: string;
  readonly traceId: string;
  readonly traceUrl: string;
  readonly headline: string;
}

/** `throughline demo`: runs until it is stopped, or to the end with `--exit`. Returns the exit code. */
export async function runDemo(args: string[]): Promise<number> {
  const processes = new DemoProcesses();
  const stop = stopOnSignal(() => processes.kill());
  let collector: Collector | undefined;
  try {
    const options = readDemoOptions(args, process.env);
    if (options === null) {
      process.stdout.write(`${DEMO_USAGE}\n`);
      return 0;
    }
    requireShopPackages();
    const progress = progressOf(options);
    collector = await findOrStartCollector(options.config, stop);
    progress(`${paint('dim', 'collector')}  ${collector.uiUrl}${collector.startedHere ? '' : ' (already running)'}`);
    const { uiUrl, otlpUrl } = collector;
    const unlessEnded = <T>(work: Promise<T>): Promise<T> => orAborted(Promise.race([work, processes.failure]), stop);

    progress(`${paint('dim', 'starting')}   two databases and four services`);
    const shopUrl = await unlessEnded(startShop(processes, { otlpUrl, uiUrl, port: options.shopPort }));
    progress(`${paint('dim', 'shop')}       ${shopUrl}`);
    progress(`${paint('dim', 'customers')}  come for ${options.loadSeconds} s`);
    const customers = sendCustomers(processes, shopUrl, options.loadSeconds);
    const traceId = await unlessEnded(customers.slowTraceId);
    const headline = await unlessEnded(headlineOfLateTrace(uiUrl, traceId, stop));
    print({ shopUrl, uiUrl, traceId, traceUrl: uiUrl + uiPath('trace', { traceId }), headline }, options);
    await unlessEnded(customers.served);
    if (!options.exit) await unlessEnded(new Promise<never>(() => {}));
    return 0;
  } catch (error) {
    // Ctrl-C is how a demo ends; a second one has not waited for this.
    if (stop.aborted) return 0;
    return reportFailure('demo', error);
  } finally {
    await processes.stop();
    await collector?.close();
  }
}

function print(result: DemoResult, { exit, json }: DemoOptions): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`
  ${paint('bold', 'A customer had to wait. Why?')}
  ${result.headline}
  ${paint('cyan', result.traceUrl)}
`);
  if (exit) return;
  process.stdout.write(`
  Buy something yourself: ${paint('cyan', result.shopUrl)}
  ${paint('dim', 'Ctrl-C closes the shop.')}
`);
}

/** Progress is for people: with `--json`, standard output is the one line. */
function progressOf({ json }: DemoOptions): (line: string) => void {
  const stream = json ? process.stderr : process.stdout;
  return (line) => stream.write(`  ${line}\n`);
}
