import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { configOf } from './config/testing/config-of.ts';
import { listen, listenUnlessTaken } from './listen.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const port = {
  start: async (host: string, number: number): Promise<AddressInfo> => {
    const server = createServer();
    servers.push(server);
    await once(server.listen(number, host), 'listening');
    return server.address() as AddressInfo;
  },
};

/** A port that the system does not give: which it refuses depends on the user and the machine. */
function refusedWith(code: string, message = code) {
  return { start: () => Promise.reject<AddressInfo>(Object.assign(new Error(message), { code })) };
}

/** The port of the API on this host. */
const on = (host: string, ...args: string[]) =>
  configOf(['--host', host, '--no-auth', '--http-port', '0', ...args], {});

describe('a port that cannot be used', () => {
  it('is reported as in listen-messages.golden.txt', async () => {
    const config = on('192.0.2.1', '--http-port', '4319');
    const reasons = ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EMFILE'].map((code) =>
      listen(refusedWith(code, 'too many open files'), config, 'httpPort').then(
        () => '',
        (error: unknown) => (error as Error).message,
      ),
    );
    await expect(`${(await Promise.all(reasons)).join('\n')}\n`).toMatchFileSnapshot('listen-messages.golden.txt');
  });

  it('is reported with the host that is no address of this machine', async () => {
    await expect(listen(port, on('192.0.2.1'), 'httpPort')).rejects.toThrow(
      /^192\.0\.2\.1 .*\(EADDRNOTAVAIL\); .*--host or THROUGHLINE_HOST$/,
    );
  });

  it('is reported with the host that has no address', async () => {
    // Without a network, nobody can say that there is none.
    await expect(listen(port, on('collector.invalid'), 'httpPort')).rejects.toThrow(
      / collector\.invalid \((ENOTFOUND|EAI_AGAIN)\); .*--host$/,
    );
  });

  it('is reported with the right that is missing', async () => {
    await expect(listen(refusedWith('EACCES'), on('127.0.0.1', '--http-port', '80'), 'httpPort')).rejects.toThrow(
      /permission denied .*80 on 127\.0\.0\.1 \(EACCES\); .*--http-port or THROUGHLINE_HTTP_PORT$/,
    );
  });

  it('is reported in the words of the system for any other reason, which is the cause of the error', async () => {
    const failure = listen(refusedWith('EMFILE', 'too many open files'), on('127.0.0.1'), 'httpPort');
    await expect(failure).rejects.toMatchObject({
      message: expect.stringMatching(/127\.0\.0\.1: too many open files$/) as string,
      code: 'cannot_listen',
      cause: { code: 'EMFILE' },
    });
  });
});

describe('the port of OTLP/gRPC', () => {
  const log = pino({ enabled: false });
  const start = (code: string, ...args: string[]): Promise<AddressInfo | null> =>
    listenUnlessTaken(refusedWith(code), on('127.0.0.1', ...args), 'otlpGrpcPort', log);

  it('may be in use where nobody chose it', async () => {
    expect(await start('EADDRINUSE')).toBeNull();
    await expect(start('EADDRINUSE', '--otlp-grpc-port', '4317')).rejects.toThrow(
      /port 4317 on 127\.0\.0\.1 .*\(EADDRINUSE\)/,
    );
    await expect(start('EACCES')).rejects.toThrow(/permission denied .*4317/);
  });
});
