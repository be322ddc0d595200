import { constants } from 'node:os';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import { ConfigError, readConfig, SETTINGS } from '../config.ts';
import type { RunningServer } from '../server.ts';
import { startServer } from '../server.ts';
import { VERSION } from '../version.ts';
import { paint } from './paint.ts';

/** `throughline up`: runs until it is told to stop. Answers the exit code. */
export async function runUp(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(upUsage());
    return 0;
  }
  const startedMs = performance.now();
  const stop = stopSignal();
  let server: RunningServer | null = null;
  try {
    const config = readConfig(args, process.env);
    const log = pino({ name: 'throughline', level: config.logLevel }, pino.destination({ dest: 2, sync: true }));
    server = await startServer(config, log);
    process.stdout.write(startMessage(config, server));
    await Promise.race([server.ready, stop.received]);
    if (!stop.signal.aborted) {
      process.stdout.write(`  ${paint('green', 'Ready')} after ${Math.round(performance.now() - startedMs)} ms\n`);
      await stop.received;
    }
    return 0;
  } catch (error) {
    process.stderr.write(`throughline: ${oneLine(error)}\n`);
    return error instanceof ConfigError ? 2 : 1;
  } finally {
    await server?.close();
  }
}

/** Hears the first SIGINT or SIGTERM; a second one ends the process at once, which loses nothing acknowledged. */
function stopSignal(): { readonly received: Promise<void>; readonly signal: AbortSignal } {
  const controller = new AbortController();
  const received = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
  const onSignal = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { received, signal: controller.signal };
}

function startMessage({ dataDirectory }: Config, { uiUrl, otlpHttpUrl }: RunningServer): string {
  return `
  ${paint('bold', 'Throughline')} ${paint('dim', VERSION)}

  UI and API   ${paint('cyan', uiUrl)}
  OTLP/HTTP    ${paint('cyan', `${otlpHttpUrl}/v1/traces`)}
  Data         ${dataDirectory}

  ${paint('dim', 'Any OpenTelemetry SDK sends its traces here with')}
  OTEL_EXPORTER_OTLP_ENDPOINT=${otlpHttpUrl} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf

`;
}

/** An error that we foresaw has a code and a message for people; of any other the stack is wanted. */
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error) return error.message.replaceAll('\n', ' ');
  return error.stack ?? error.message;
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
