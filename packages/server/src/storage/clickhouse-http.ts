import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { engineError } from './clickhouse-error.ts';
import { EngineError } from './engine.ts';

export interface HttpStatement {
  readonly sql: string;
  /** Settings of ClickHouse, as parameters of the URL. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** The statement's data; the statement goes into the URL then. */
  readonly file?: string;
  readonly timeoutMs: number;
  /** Nobody waits for the answer any more; `run` rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** A server that nobody answers at, or whose answer broke off. The statement may have been carried out. */
export class UnreachableError extends EngineError {
  constructor(message: string, isUnseen: boolean, options?: ErrorOptions) {
    super('unavailable', message, { ...options, isUnseen });
  }
}

/** One ClickHouse server, over its HTTP interface. */
export class ClickHouseHttp {
  /** Without user and password, for messages. */
  readonly origin: string;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #resultBytesMax: number;

  /** `url`: `http(s)://[user[:password]@]host[:port]`. */
  constructor(url: string, resultBytesMax: number) {
    this.#url = new URL(url);
    this.origin = this.#url.origin;
    const { username, password } = this.#url;
    this.#headers = {
      ...(username !== '' && { 'X-ClickHouse-User': decodeURIComponent(username) }),
      ...(password !== '' && { 'X-ClickHouse-Key': decodeURIComponent(password) }),
    };
    this.#agent =
      this.#url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#resultBytesMax = resultBytesMax;
  }

  /** The answer's bytes. Rejects with `EngineError`, with `UnreachableError` where the server did not answer. */
  async run({ sql, settings, file, timeoutMs, signal: left }: HttpStatement): Promise<Uint8Array> {
    const url = new URL('/', this.#url);
    // An error that comes after the first rows must not look like the end of them.
    url.searchParams.set('wait_end_of_query', '1');
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, String(value));
    if (file !== undefined) url.searchParams.set('query', sql);
    const length = file === undefined ? Buffer.byteLength(sql) : (await stat(file)).size;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = left === undefined ? timeout : AbortSignal.any([timeout, left]);
    let response: IncomingMessage;
    let isSent = false;
    try {
      response = await new Promise<IncomingMessage>((resolve, reject) => {
        const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
        const request = send(url, {
          method: 'POST',
          agent: this.#agent,
          headers: { ...this.#headers, 'content-length': length },
          signal,
        });
        request.once('response', resolve).once('error', reject);
        request.once('socket', (socket) => {
          if (socket.connecting) socket.once('connect', () => (isSent = true));
          else isSent = true;
        });
        if (file === undefined) request.end(sql);
        else pipeline(createReadStream(file), request).catch(reject);
      });
      return await this.#read(response);
    } catch (error) {
      if (error instanceof EngineError) throw error;
      if (left?.aborted === true) throw left.reason;
      if (timeout.aborted) throw new EngineError('timeout', `${this.origin} did not answer within ${timeoutMs} ms`);
      const message = error instanceof Error ? error.message : String(error);
      throw new UnreachableError(`${this.origin} cannot be reached: ${message}`, !isSent, { cause: error });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #read(response: IncomingMessage): Promise<Uint8Array> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > this.#resultBytesMax) {
        response.destroy();
        throw new EngineError('too_large', `the answer of ${this.origin} is larger than ${this.#resultBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    if (response.statusCode === 200) return body;
    throw this.#problem(response, body.toString('utf8').trim());
  }

  #problem({ statusCode = 0 }: IncomingMessage, text: string): EngineError {
    const code = Number(/^Code: (\d+)/.exec(text)?.[1] ?? 0);
    // Not ClickHouse's own answer: a proxy in front of it whose server is away.
    if (code === 0 && statusCode >= 500) {
      return new UnreachableError(`${this.origin} answers ${statusCode}: ${text.slice(0, 200)}`, false);
    }
    return engineError(code, code === 0 ? `${this.origin} answers ${statusCode}: ${text.slice(0, 200)}` : text);
  }
}
