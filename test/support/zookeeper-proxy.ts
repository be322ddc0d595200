import { connect, createServer, type AddressInfo } from 'node:net';

/** `answer`: ZooKeeper has done it, and nobody hears of it. `request`: ZooKeeper has not got it. */
export type LostPart = 'answer' | 'request';

export interface ZooKeeperProxy {
  readonly port: number;
  /** Breaks the connection at the next transaction that names all of these. */
  readonly lose: (part: LostPart, names: readonly string[]) => void;
  readonly hasLost: () => boolean;
  readonly stop: () => void;
}

/** ZooKeeper's number of a transaction of several operations: what a replicated table commits a part by. */
const MULTI = 14;

/**
 * The network between ClickHouse servers and ZooKeeper, which breaks where it hurts. Messages have their length in front,
 * a request then its number and its kind, an answer the number of its request.
 */
export async function startZooKeeperProxy(port: number): Promise<ZooKeeperProxy> {
  const sockets = new Set<{ destroy: () => unknown }>();
  let losing: { readonly part: LostPart; readonly names: readonly string[] } | null = null;
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const lost = new Set<number>();
    let isFirst = true;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', end).once('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on(
      'data',
      inMessages((message) => {
        // The first one opens the session, and has no number.
        const isTransaction = !isFirst && message.readInt32BE(8) === MULTI;
        isFirst = false;
        if (isTransaction && losing?.names.every((name) => message.includes(name)) === true) {
          const { part } = losing;
          losing = null;
          if (part === 'request') {
            end();
            return;
          }
          lost.add(message.readInt32BE(4));
        }
        server.write(message);
      }),
    );
    server.on(
      'data',
      inMessages((message) => {
        if (lost.size > 0 && lost.has(message.readInt32BE(4))) end();
        else client.write(message);
      }),
    );
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as AddressInfo).port,
    lose: (part, names) => (losing = { part, names }),
    hasLost: () => losing === null,
    stop: () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function inMessages(take: (message: Buffer) => void): (data: Buffer) => void {
  let kept: Buffer = Buffer.alloc(0);
  return (data) => {
    kept = Buffer.concat([kept, data]);
    for (;;) {
      const end = kept.length < 4 ? Infinity : 4 + kept.readInt32BE(0);
      if (kept.length < end) return;
      const message = kept.subarray(0, end);
      kept = kept.subarray(end);
      take(message);
    }
  };
}
