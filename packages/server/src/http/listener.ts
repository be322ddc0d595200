import type { AddressInfo, Server } from 'node:net';
import type { Logger } from 'pino';

export interface ListenerOptions {
  /** For the log, such as `OTLP/HTTP`. */
  readonly name: string;
  readonly log: Logger;
  /** Ends connections on which nothing is answered. */
  readonly endIdle: () => void;
  /** Ends what is still running when the time is up. */
  readonly endAll: () => void;
}

/** The port of a server. */
export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  #isClosing = false;

  constructor(server: Server, options: ListenerOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** Whether nothing new is to begin on the connections that there are. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Listens. Rejects with Node's own error (`code` `EADDRINUSE`, …) when it cannot. */
  start(host: string, port: number): Promise<AddressInfo> {
    const { name, log } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => log.error({ err: error }, `${name} server failed`));
        // A server on a host and a port has such an address.
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Refuses new connections and resolves when what is running has been answered, or was cut off at the deadline. */
  close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      const timer = setTimeout(this.#options.endAll, timeoutMs);
      this.#server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.#options.endIdle();
    });
  }
}
