import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A directory that this process alone holds, until `release` or until it ends, however it ends. */
export interface DirectoryClaim {
  /** The name of our socket in the directory; it accepts connections as long as the claim stands. */
  readonly socket: string;
  release(): Promise<void>;
}

/** Others that start at the same moment withdraw as well; after this many withdrawals one of them has it. */
const WITHDRAWALS_MAX = 20;
const WITHDRAWAL_DELAY_MS = 25;

const SOCKET_NAME = /^collector-[0-9a-f]{16}\.sock$/;

/** Whether a file of a directory is, or was, such a socket. */
export function isSocketName(name: string): boolean {
  return SOCKET_NAME.test(name);
}

/**
 * Claims a directory among all processes of this machine's kernel, in whichever container: process ids mean nothing
 * across containers, but a socket in a file system accepts connections exactly as long as its process lives. Everybody
 * listens on a socket of a name of their own first and looks for others then, so that of two at least one sees the
 * other. Returns the sockets of those who hold it when it is taken: `holds` says which of the live ones do. Rejects
 * with Node's error where the file system takes no sockets.
 */
export async function claimDirectory(
  directory: string,
  holds: (socket: string) => boolean,
): Promise<DirectoryClaim | null> {
  for (let withdrawals = 0; withdrawals < WITHDRAWALS_MAX; withdrawals++) {
    const claim = await listenIn(directory);
    const rivals = await liveSockets(directory, claim.socket);
    // Between our binding and our listening another may have taken our socket for a dead one and removed it.
    if (rivals.length === 0 && existsSync(join(directory, claim.socket))) return claim;
    await claim.release();
    if (rivals.some(holds)) return null;
    await delay(WITHDRAWAL_DELAY_MS * (1 + withdrawals * Math.random()));
  }
  return null;
}

async function listenIn(directory: string): Promise<DirectoryClaim> {
  const socket = `collector-${randomBytes(8).toString('hex')}.sock`;
  const address = openAddress(directory);
  const server = createServer((connection) => connection.destroy());
  try {
    server.listen(address.of(socket));
    await once(server, 'listening');
  } catch (error) {
    address.close();
    throw error;
  }
  // Nobody waits for us to be asked.
  server.unref();
  return {
    socket,
    release: async () => {
      rmSync(join(directory, socket), { force: true });
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
      address.close();
    },
  };
}

/** Names of sockets in the directory that somebody listens on. Those that nobody listens on are removed. */
async function liveSockets(directory: string, own: string): Promise<string[]> {
  const others = readdirSync(directory).filter((name) => SOCKET_NAME.test(name) && name !== own);
  const address = openAddress(directory);
  try {
    const alive = await Promise.all(others.map((name) => isAlive(address.of(name))));
    // A name is never used twice, so what is dead stays dead.
    for (const [index, name] of others.entries()) if (!alive[index]) rmSync(join(directory, name), { force: true });
    return others.filter((_, index) => alive[index]);
  } finally {
    address.close();
  }
}

/** Whether a process still listens on such a socket of a directory. */
export async function isSocketAlive(directory: string, socket: string): Promise<boolean> {
  const address = openAddress(directory);
  try {
    return await isAlive(address.of(socket));
  } finally {
    address.close();
  }
}

async function isAlive(address: string): Promise<boolean> {
  const connection = connect(address);
  try {
    await once(connection, 'connect');
    return true;
  } catch (error) {
    // Anything else, such as a full queue or a missing permission, may be somebody alive.
    const code = (error as NodeJS.ErrnoException).code;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT';
  } finally {
    connection.destroy();
  }
}

/** A socket's path is bounded at about a hundred bytes, a directory's is not; Linux has a short name for each. */
function openAddress(directory: string): { of(socket: string): string; close(): void } {
  if (process.platform !== 'linux') return { of: (socket) => join(directory, socket), close: () => {} };
  const descriptor = openSync(directory, 'r');
  return { of: (socket) => `/proc/self/fd/${descriptor}/${socket}`, close: () => closeSync(descriptor) };
}
