import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { newDirectory, runCommand, startCollector, type Collector } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';
import { aRequest, postJson, traceIdOf } from './support/traces.ts';

/** The first half of a request is sent; the rest is what the function sends. */
async function halfSent(otlpUrl: string, body: string): Promise<{ socket: Socket; finish: () => Promise<string> }> {
  const socket = connect(Number(new URL(otlpUrl).port), '127.0.0.1');
  const head = `POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  socket.write(head + body.slice(0, 20));
  await once(socket, 'connect');
  return {
    socket,
    finish: async () => {
      socket.write(body.slice(20));
      return Buffer.concat(await socket.toArray()).toString();
    },
  };
}

async function inFlight(collector: Collector): Promise<boolean> {
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  return /^throughline_receiver_bytes_in_flight [1-9]/m.test(metrics);
}

describe('SIGTERM', () => {
  const directory = newDirectory();
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('answers what is in flight, keeps what is spooled and takes nothing new', async () => {
    const first = await startCollector({ dataDirectory: directory, args: ['--otlp-http-close-timeout-ms', '20s'] });
    const running = await halfSent(first.otlpUrl, aRequest('running', 1));
    await eventually('the request is in flight', () => inFlight(first));
    expect((await postJson(first.otlpUrl, aRequest('spooled', 1))).status).toBe(200);
    process.kill(first.pid, 'SIGTERM');
    const refused = async (): Promise<boolean> =>
      postJson(first.otlpUrl, aRequest('late', 1)).then(
        ({ status }) => status === 503,
        () => true,
      );
    await eventually('new requests are refused', refused);
    const { problems } = (await (await fetch(`${first.apiUrl}/readyz`)).json()) as { problems: { code: string }[] };
    expect(problems.map(({ code }) => code)).toContain('stopping');
    expect(await running.finish()).toMatch(/^HTTP\/1\.1 200 /);
    expect(await first.exited).toEqual({ code: 0, signal: null });

    const second = await startCollector({ dataDirectory: directory });
    await eventually('what was acknowledged is found', async () => {
      const answer = await fetch(`${second.apiUrl}/api/v1/traces/${traceIdOf('spooled-0')}`);
      return answer.status === 200;
    });
    expect((await second.stop()).code).toBe(0);
  });

  it('a second time ends at once, and loses nothing that was acknowledged', async () => {
    const collector = await startCollector({ dataDirectory: directory, args: ['--otlp-http-close-timeout-ms', '1m'] });
    const below = descendantsOf(collector.pid);
    const running = await halfSent(collector.otlpUrl, aRequest('never', 1));
    running.socket.on('error', () => {});
    await eventually('the request is in flight', () => inFlight(collector));
    expect((await postJson(collector.otlpUrl, aRequest('acknowledged', 1))).status).toBe(200);
    process.kill(collector.pid, 'SIGTERM');
    // A terminal's and npm's signal are one when they come together; a person's second comes later.
    const again = setInterval(() => isAlive(collector.pid) && process.kill(collector.pid, 'SIGTERM'), 700);
    expect(await collector.exited).toEqual({ code: 143, signal: null });
    clearInterval(again);
    await eventually('the engine has ended', () => !below.some((pid) => isAlive(pid)));
    const next = await startCollector({ dataDirectory: directory });
    await eventually('what was acknowledged is found', async () => {
      const answer = await fetch(`${next.apiUrl}/api/v1/traces/${traceIdOf('acknowledged-0')}`);
      return answer.status === 200;
    });
    await next.stop();
  });

  // Stores are opened behind the addresses, room by room: each moment finds others of them under way.
  it.each([0, 5, 10, 20, 40, 80, 160, 320])('%i ms behind the addresses of a start ends it', async (afterMs) => {
    const ports = ['--http-port', '0', '--otlp-http-port', '0', '--otlp-grpc-port', '0'];
    const command = runCommand(['up', '--data-dir', directory, ...ports]);
    await eventually('the addresses are printed', () => command.output().includes('UI and API'));
    const below = descendantsOf(command.pid);
    await delay(afterMs);
    process.kill(command.pid, 'SIGTERM');
    expect(await command.exited, command.output()).toEqual({ code: 0, signal: null });
    await eventually('the engine has ended', () => !below.some((pid) => isAlive(pid)));
    const next = await startCollector({ dataDirectory: directory });
    expect((await next.stop({ keepData: true })).code).toBe(0);
  });
});
