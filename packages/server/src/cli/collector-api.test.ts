import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { partialWarnings } from '../terminal/partial-warnings.ts';
import { CollectorApi } from './collector-api.ts';

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listening(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function ask(url: string, timeoutMs = 60_000): Promise<unknown> {
  return new CollectorApi({ url, timeoutMs }).ask((client, options) => client.system(options));
}

describe('a collector that is asked', () => {
  it('gets user and password in a header, and its address has none any more', async () => {
    const seen: unknown[] = [];
    const address = await listening(({ url, headers }, response) => {
      seen.push(url, headers.authorization, headers.accept);
      response.end('{}');
    });
    const api = new CollectorApi({ url: `http://ann:s3%3Acret@${address}/tracing`, timeoutMs: 60_000 });
    await api.ask((client, options) => client.system(options));
    const credentials = `Basic ${Buffer.from('ann:s3:cret').toString('base64')}`;
    expect(seen).toEqual(['/tracing/api/v1/system', credentials, 'application/json']);
    expect(api.url).toBe(`http://${address}/tracing`);
  });

  it('may not be there', async () => {
    const address = await listening(() => {});
    servers.pop()?.close();
    await expect(ask(`http://ann:s3cret@${address}`)).rejects.toThrow(
      new RegExp(`^(?!.*s3cret).*http://${address};.*--url`),
    );
  });

  it('may be something else', async () => {
    const address = await listening((_, response) => response.end('<html>'));
    await expect(ask(`http://${address}`)).rejects.toThrow(/200.*--url/);
  });

  it('may say why not, in words that steer no terminal', async () => {
    const error = { code: 'invalid_parameter', message: 'limit:\u001b[31m too large' };
    const address = await listening((_, response) => response.writeHead(400).end(JSON.stringify({ error })));
    await expect(ask(`http://${address}`)).rejects.toThrow(/^limit:␛\[31m too large$/);
  });

  it('may never answer', async () => {
    const address = await listening(() => {});
    await expect(ask(`http://${address}`, 20)).rejects.toThrow(/0\.02 s; --timeout/);
  });
});

describe('an answer', () => {
  it('lacks what is on shards that are away', () => {
    expect(partialWarnings(undefined)).toEqual([]);
    expect(partialWarnings({ missingShards: 1, shards: 3 })[0]).toMatch(/^1 of 3/);
  });
});
