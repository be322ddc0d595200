import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RawSink {
  readonly url: string;
  /** What was posted, as it came. */
  readonly bodies: readonly Buffer[];
  close(): Promise<void>;
}

/** A collector that takes everything and reads nothing. */
export async function startRawSink(): Promise<RawSink> {
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(Buffer.concat(parts));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
