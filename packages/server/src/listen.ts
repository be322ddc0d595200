import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { SETTINGS, type Settings } from './config/settings.ts';

/** A port or a host that cannot be listened on. */
class StartError extends Error {
  override readonly name = 'StartError';
  readonly code = 'cannot_listen';
}

type PortSetting = 'otlpGrpcPort' | 'otlpHttpPort' | 'httpPort';

/** Rejects with one clear message. */
export async function listen(
  server: { start(host: string, port: number): Promise<AddressInfo> },
  config: Config,
  setting: PortSetting,
): Promise<AddressInfo> {
  const port = config[setting];
  try {
    return await server.start(config.host, port);
  } catch (error) {
    throw new StartError(whyNotListening(error as NodeJS.ErrnoException, config, setting), { cause: error });
  }
}

/**
 * For a port that nobody chose: another program that has it is no reason not to start, since OTLP comes in over HTTP as
 * well. Returns null then, and logs it.
 */
export async function listenUnlessTaken(
  server: { start(host: string, port: number): Promise<AddressInfo> },
  config: Config,
  setting: PortSetting,
  log: Logger,
): Promise<AddressInfo | null> {
  try {
    return await listen(server, config, setting);
  } catch (error) {
    const isTaken = error instanceof StartError && (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
    if (!isTaken || config.sources.get(SETTINGS[setting].key) !== 'default') throw error;
    log.warn(`${error.message}; starting without OTLP/gRPC`);
    return null;
  }
}

function whyNotListening(error: NodeJS.ErrnoException, config: Config, setting: PortSetting): string {
  const { host, [setting]: port } = config;
  switch (error.code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is already in use (EADDRINUSE); choose another with ${whereToSet(setting)}`;
    case 'EACCES':
      return `permission denied to bind port ${port} on ${host} (EACCES); choose another with ${whereToSet(setting)}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `cannot resolve host ${host} (${error.code}); check ${SETTINGS.host.flag}`;
    case 'EADDRNOTAVAIL':
      return `${host} is not a local address (${error.code}); choose another with ${whereToSet('host')}`;
    default:
      return `cannot listen on port ${port} of ${host}: ${error.message}`;
  }
}

function whereToSet(name: keyof Settings): string {
  return `${SETTINGS[name].flag} or ${SETTINGS[name].env}`;
}
