import { CONFIG_FLAG, readCommandLine, type Command } from '../config/command-line.ts';
import { CONFIG_ENV, readConfig, type Config } from '../config/config.ts';
import { configText } from '../config/config-text.ts';
import { show, type Setting } from '../config/setting.ts';
import { SETTINGS } from '../config/settings.ts';
import type { RunningServer } from '../server.ts';
import { startServer } from '../server.ts';
import { VERSION } from '../version.ts';
import { abortOnFatalError } from './abort-on-fatal-error.ts';
import { FilePages, loadUnmap } from '../file-pages.ts';
import { loadMallocTrim } from '../malloc-trim.ts';
import { growHeapWithBodies, QuietHeap } from './heap.ts';
import { createLog } from './log.ts';
import { paint } from './paint.ts';
import { reportFailure } from './report-failure.ts';
import { stopOnSignal } from './stop-on-signal.ts';

/** Shows the settings and where each comes from, and starts nothing. */
const PRINT_FLAG = '--print-config';

const UP: Command = { name: 'up', flags: { [PRINT_FLAG]: 'switch' } };

/** `throughline up`: runs until it is stopped. Returns the exit code. */
export async function runUp(args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  // Ending at once loses nothing acknowledged: the next start loads it.
  const stop = stopOnSignal();
  let server: RunningServer | null = null;
  try {
    const line = readCommandLine(args, UP);
    if (line === null) {
      process.stdout.write(upUsage());
      return 0;
    }
    const config = readConfig(line.flags, process.env);
    if (line.flags.has(PRINT_FLAG)) {
      process.stdout.write(configText(config));
      return 0;
    }
    growHeapWithBodies();
    const log = createLog(config);
    const fatal = abortOnFatalError(log);
    const end = AbortSignal.any([stop, fatal]);
    const ended = new Promise<void>((resolve) => end.addEventListener('abort', () => resolve()));
    server = await startServer(config, log);
    // Nobody is to send spans to a collector that is about to end.
    if (!end.aborted) await Promise.race([server.admitted, ended]);
    if (!end.aborted) process.stdout.write(startMessage(config, server));
    await giveBackMemory(config.limits.engine.unmapIntervalMs);
    if (!end.aborted) await Promise.race([server.ready, ended]);
    if (!end.aborted) {
      process.stdout.write(`  ${paint('green', 'Ready')} after ${Math.round(performance.now() - startedMs)} ms\n`);
      await ended;
    }
    return fatal.aborted ? 1 : 0;
  } catch (error) {
    return reportFailure(UP.name, error);
  } finally {
    await server?.close();
  }
}

/** With an interval of 0 nothing is called that is not Node's. */
async function giveBackMemory(intervalMs: number): Promise<void> {
  const isNative = intervalMs > 0;
  new QuietHeap({ trim: isNative ? await loadMallocTrim() : null }).start();
  const unmap = isNative ? await loadUnmap() : null;
  if (unmap !== null) new FilePages({ intervalMs, unmap }).start();
}

const NO_GRPC = `off: port ${SETTINGS.otlpGrpcPort.defaultValue()} is already in use (choose another with ${SETTINGS.otlpGrpcPort.flag})`;

function startMessage({ dataDirectory }: Config, { uiUrl, mcpUrl, otlpHttpUrl, otlpGrpcUrl }: RunningServer): string {
  const mcp = mcpUrl === null ? '' : `  MCP          ${paint('cyan', mcpUrl)}\n`;
  return `
  ${paint('bold', 'Throughline')} ${paint('dim', VERSION)}

  UI and API   ${paint('cyan', uiUrl)}
${mcp}  OTLP/gRPC    ${otlpGrpcUrl === null ? paint('yellow', NO_GRPC) : paint('cyan', otlpGrpcUrl)}
  OTLP/HTTP    ${paint('cyan', `${otlpHttpUrl}/v1/traces`)}
  Data         ${dataDirectory}

  ${paint('dim', 'Any OpenTelemetry SDK sends its traces here with')}
  OTEL_EXPORTER_OTLP_ENDPOINT=${otlpHttpUrl} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

`;
}

/** Every flag with its variable and its default, but for those of the limits. */
function upUsage(): string {
  const settings = Object.values<Setting>(SETTINGS as unknown as Record<string, Setting>).map((setting) => {
    const { flag, value, help, env, defaultValue, accepted } = setting;
    const text = show(setting, defaultValue());
    return lines(`${flag} ${value ?? ''}`, help, accepted, `${env}, default ${text === '' ? 'none' : text}`);
  });
  return `Usage: throughline up [flags]

${[
  ...settings,
  lines(`${CONFIG_FLAG} FILE`, 'YAML file with settings; flags and variables override it', CONFIG_ENV),
  lines(PRINT_FLAG, 'Print every setting with the source of its value, and exit'),
].join('\n')}
Every limit, queue and timeout is a setting too: throughline up ${PRINT_FLAG} lists them.
`;
}

function lines(flag: string, help: string, ...more: readonly string[]): string {
  return `  ${flag.padEnd(36)}${help}\n${more.map((line) => `${' '.repeat(38)}${line}\n`).join('')}`;
}
