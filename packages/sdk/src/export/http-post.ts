import { Agent, request as requestPlain, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as requestSecure } from 'node:https';
import { runWith, SUPPRESSED_CONTEXT } from '../context.ts';
import { errorMessage } from '../exception.ts';

export type PostResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly retryAfterMs: number | undefined;
      readonly body: Uint8Array;
    }
  /** No complete answer: refused, reset, timed out. */
  | { readonly kind: 'unreachable'; readonly message: string };

/** What is read of an answer; what a collector has to say is far shorter. */
const ANSWER_BYTES_MAX = 64 * 1024;

export interface PosterOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** From the start of the request to the end of the answer. */
  readonly timeoutMillis: number;
  readonly connections: number;
}

/** Posts bodies to one address over kept connections. Its requests are not traced, and do not keep the process alive. */
export class Poster {
  readonly #options: PosterOptions;
  readonly #agent: Agent;

  constructor(options: PosterOptions) {
    this.#options = options;
    const agentOptions = { keepAlive: true, maxSockets: options.connections };
    this.#agent = options.url.protocol === 'https:' ? new SecureAgent(agentOptions) : new Agent(agentOptions);
  }

  /** Never rejects. When it resolves, `body` is not read any more. */
  async post(body: Uint8Array): Promise<PostResult> {
    return await runWith(SUPPRESSED_CONTEXT, () => this.#send(body));
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(body: Uint8Array): Promise<PostResult> {
    const { url, headers, timeoutMillis } = this.#options;
    return new Promise((resolve) => {
      const unreachable = (error: unknown): void => {
        clearTimeout(deadline);
        resolve({ kind: 'unreachable', message: errorMessage(error) || String(error) });
      };
      const request = (url.protocol === 'https:' ? requestSecure : requestPlain)(url, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-type': 'application/x-protobuf', 'content-length': body.length },
      });
      const deadline = setTimeout(() => {
        request.destroy(new Error(`no answer within ${timeoutMillis} ms`));
      }, timeoutMillis).unref();
      request.on('socket', (socket) => socket.unref());
      request.on('error', unreachable);
      request.on('response', (response) => {
        readAnswer(response)
          .finally(() => {
            // Answered before all was sent: the rest must not follow once the caller uses the memory again.
            if (!request.writableFinished) request.destroy();
            clearTimeout(deadline);
          })
          .then(resolve, unreachable);
      });
      request.end(body);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<PostResult> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    length += part.length;
    // Leaving the loop closes the connection: an endless answer ends here.
    if (length > ANSWER_BYTES_MAX) break;
    parts.push(part);
  }
  return {
    kind: 'answered',
    status: response.statusCode ?? 0,
    retryAfterMs: retryAfterMs(response.headers['retry-after'], Date.now()),
    body: Buffer.concat(parts),
  };
}

/** Milliseconds that a Retry-After header asks to wait, as seconds or as a date; `undefined` when it says neither. */
export function retryAfterMs(header: string | undefined, nowUnixMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowUnixMs);
}
