import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PartsInTurn } from './parts-in-turn.ts';

export interface RequestsInTurnOptions {
  /**
   * Requests that wait for the answer to the one before, over all connections; the connection of one more is closed.
   */
  readonly waitingMax: number;
  /** Called for each connection that was closed for it. */
  readonly onCut: () => void;
}

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Serves the requests of a connection one after the other. Node hands over at once what a client sends without waiting
 * for answers, thousands in one read of the socket: work and memory that no limit on connections bounds. Of such a
 * request nothing is done before its turn, so that it has a connection for its answer, and learns when that ends.
 * Bodies in small chunks are read by turns (`PartsInTurn`).
 */
export class RequestsInTurn {
  readonly #options: RequestsInTurnOptions;
  readonly #serve: Serve;
  /** What waits, of each connection that has a request to answer; null behind one too many. */
  readonly #waiting = new WeakMap<Socket, (() => void)[] | null>();
  readonly #parts = new PartsInTurn();
  #waitingCount = 0;

  constructor(serve: Serve, options: RequestsInTurnOptions) {
    this.#serve = serve;
    this.#options = options;
  }

  /** For each request that Node hands over, in their order. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      this.#waiting.set(socket, []);
      this.#begin(socket, request, response);
    } else if (waiting !== null) {
      if (this.#waitingCount < this.#options.waitingMax) {
        this.#waitingCount += 1;
        waiting.push(() => this.#begin(socket, request, response));
        return;
      }
      this.#forget(socket, waiting);
      this.#options.onCut();
      socket.destroy();
    }
  }

  #begin(socket: Socket, request: IncomingMessage, response: ServerResponse): void {
    response.once('close', () => this.#end(socket));
    this.#parts.watch(request);
    this.#serve(request, response);
  }

  #end(socket: Socket): void {
    const waiting = this.#waiting.get(socket);
    if (!waiting) return;
    if (socket.destroyed) {
      this.#forget(socket, waiting);
      return;
    }
    const next = waiting.shift();
    if (next === undefined) this.#waiting.delete(socket);
    else {
      this.#waitingCount -= 1;
      next();
    }
  }

  /** A connection that has ended has nobody to answer. */
  #forget(socket: Socket, waiting: (() => void)[]): void {
    this.#waitingCount -= waiting.length;
    this.#waiting.set(socket, null);
  }
}
