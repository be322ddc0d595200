import { pino } from 'pino';
import type { Config } from '../config.ts';
import { ConfigError, readConfig, SETTINGS } from '../config.ts';
import type { RunningServer } from '../server.ts';
import { startServer } from '../server.ts';
import { VERSION } from '../version.ts';
import { oneLine } from './one-line.ts';
import { paint } from './paint.ts';
import { stopOnSignal } from './stop-signal.ts';

/** `throughline up`: runs until it is told to stop. Answers the exit code. */
export async function runUp(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(upUsage());
    return 0;
  }
  const startedMs = performance.now();
  // Ending at once loses nothing acknowledged: the next start loads it.
  const stop = stopOnSignal();
  const stopped = new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve()));
  let server: RunningServer | null = null;
  try {
    const config = readConfig(args, process.env);
    const log = pino({ name: 'throughline', level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
    server = await startServer(config, log);
    process.stdout.write(startMessage(config, server));
    await Promise.race([server.ready, stopped]);
    if (!stop.aborted) {
      process.stdout.write(`  ${paint('green', 'Ready')} after ${Math.round(performance.now() - startedMs)} ms\n`);
      await stopped;
    }
    return 0;
  } catch (error) {
    process.stderr.write(`throughline: ${oneLine(error)}\n`);
    return error instanceof ConfigError ? 2 : 1;
  } finally {
    await server?.close();
  }
}

const NO_GRPC = `off: port ${SETTINGS.otlpGrpcPort.otherwise()} is taken by another program (${SETTINGS.otlpGrpcPort.flag})`;

function startMessage({ dataDirectory }: Config, { uiUrl, otlpHttpUrl, otlpGrpcUrl }: RunningServer): string {
  return `
  ${paint('bold', 'Throughline')} ${paint('dim', VERSION)}

  UI and API   ${paint('cyan', uiUrl)}
  OTLP/gRPC    ${otlpGrpcUrl === null ? paint('yellow', NO_GRPC) : paint('cyan', otlpGrpcUrl)}
  OTLP/HTTP    ${paint('cyan', `${otlpHttpUrl}/v1/traces`)}
  Data         ${dataDirectory}

  ${paint('dim', 'Any OpenTelemetry SDK sends its traces here with')}
  OTEL_EXPORTER_OTLP_ENDPOINT=${otlpHttpUrl} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

`;
}

/** Every flag with its variable and its default. */
function upUsage(): string {
  const settings = Object.values(SETTINGS).map(
    ({ flag, value, help, env, otherwise, accepted }) =>
      `  ${`${flag} ${value ?? ''}`.padEnd(24)}${help}\n${' '.repeat(26)}${accepted}\n` +
      `${' '.repeat(26)}${env}, default ${String(otherwise())}\n`,
  );
  return `Usage: throughline up [flags]\n\n${settings.join('\n')}`;
}
