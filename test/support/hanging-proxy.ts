import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface HangingProxy {
  readonly url: string;
  /** From now on nothing comes through, in either direction; connections are taken all the same. */
  readonly hang: () => void;
  readonly resume: () => void;
  readonly stop: () => void;
}

/** The network to a server on the loopback interface, which may hang as that to a machine behind a broken switch. */
export async function startHangingProxy(serverUrl: string): Promise<HangingProxy> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let isHanging = false;
  const open = (socket: Socket): void => {
    sockets.add(socket);
    if (isHanging) socket.pause();
    socket.once('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      open(from);
      from.on('data', (data) => void to.write(data));
      from.once('close', () => to.destroy());
      if (isHanging) from.pause();
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    hang: () => {
      isHanging = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      isHanging = false;
      for (const socket of sockets) socket.resume();
    },
    stop: () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
