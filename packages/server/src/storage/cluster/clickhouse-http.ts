import { stat } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { readClickhouseResponse } from './read-clickhouse-response.ts';
import { certificateRejection } from './certificate-rejection.ts';
import { loginOf } from './clickhouse-login.ts';
import { connectionWords } from './connection-words.ts';
import type { ClientCertificate } from './client-certificate.ts';
import { EngineError } from '../engine.ts';
import { sendFile } from './send-file.ts';
import { isLoginError } from './login-error.ts';
import type { StoreFiles } from './store-files.ts';
import { GivenUpError, UnreachableError } from './unreachable-error.ts';

export interface HttpStatement {
  readonly sql: string;
  /** Settings of ClickHouse, as parameters of the URL. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** The statement's data; the statement goes into the URL then. */
  readonly file?: string;
  /** The same, from memory. */
  readonly data?: readonly Uint8Array[];
  /** It changes nothing, so that it may be sent a second time. */
  readonly isRepeatable: boolean;
  /** An insert that another replica knows again, so that it may be sent there while this one may still carry it out. */
  readonly isKnownByReplicas?: boolean;
  readonly timeoutMs: number;
  /** Nobody waits for the answer any more; `run` rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface ClickHouseHttpOptions {
  readonly resultBytesMax: number;
  /** Of gzip, for data and answers; 0 for none. */
  readonly compressionLevel: number;
  /** A connection that takes longer is given up: nothing was sent. */
  readonly connectTimeoutMs: number;
  /** Where the password and the certificates are read from; the URL and Node say them otherwise. */
  readonly files?: StoreFiles;
  /** How a statement ended; `error` is null for one that was carried out. Not called for one that nobody waits for. */
  readonly onEnded?: (statement: HttpStatement, error: unknown) => void;
}

/** One ClickHouse server, over its HTTP interface. */
export class ClickHouseHttp {
  /** Without user and password, for messages. */
  readonly origin: string;
  /** `host:port`, for metrics. */
  readonly node: string;
  readonly #url: URL;
  readonly #given: string;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #options: ClickHouseHttpOptions;
  /** Statements under way. */
  readonly #running = new Map<AbortController, HttpStatement>();

  /** `url`: `http(s)://[user[:password]@]host[:port]`. */
  constructor(url: string, options: ClickHouseHttpOptions) {
    this.#given = url;
    this.#url = loginOf(url).url;
    this.origin = this.#url.origin;
    const { hostname, port, protocol } = this.#url;
    this.node = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
    this.#agent =
      this.#url.protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
    this.#options = options;
  }

  /**
   * The answer's bytes. Rejects with `EngineError`, with `UnreachableError` where the server did not answer. A login
   * that is rejected is tried once more where the password has changed in its file.
   */
  async run(statement: HttpStatement): Promise<Uint8Array> {
    const { files, onEnded } = this.#options;
    const version = files?.version;
    try {
      const bytes = await this.#runOnce(statement).catch(async (error: unknown) => {
        if (!isLoginError(error) || !mayRepeat(statement, error)) throw error;
        await files?.look();
        if (files?.version === version) throw error;
        return await this.#runOnce(statement);
      });
      onEnded?.(statement, null);
      return bytes;
    } catch (error) {
      if (statement.signal?.aborted !== true) onEnded?.(statement, error);
      throw error;
    }
  }

  async #runOnce(statement: HttpStatement): Promise<Uint8Array> {
    const { file, data = [], timeoutMs, signal: left } = statement;
    const dataBytes = file === undefined ? data.reduce((sum, { length }) => sum + length, 0) : (await stat(file)).size;
    const end = new AbortController();
    const { signal } = end;
    const sent: Sent = { dataBytes, signal, isSent: false };
    const leave = (): void => end.abort(left?.reason);
    left?.addEventListener('abort', leave, { once: true });
    if (left?.aborted === true) leave();
    const timer = setTimeout(() => {
      end.abort(new EngineError('timeout', `${this.origin} did not respond within ${timeoutMs} ms`));
    }, timeoutMs);
    this.#running.set(end, statement);
    try {
      const response = await this.#ask(statement, sent);
      return await readClickhouseResponse(response, this.origin, this.#options.resultBytesMax);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof EngineError) throw error;
      const rejection = certificateRejection(error, this.origin, this.#certificate !== null);
      if (rejection !== null) throw rejection;
      const message = `${this.origin} cannot be reached: ${connectionWords(error)}`;
      throw new UnreachableError(message, !sent.isSent, { cause: error });
    } finally {
      this.#running.delete(end);
      clearTimeout(timer);
      left?.removeEventListener('abort', leave);
    }
  }

  /** Null where it is not asked for: without TLS nobody can. */
  get #certificate(): ClientCertificate | null {
    return this.#url.protocol === 'https:' ? (this.#options.files?.certificate ?? null) : null;
  }

  /** Ends what only reads; everything that still runs rejects with `reason`. */
  endQueries(reason: EngineError): void {
    for (const [end, { isRepeatable }] of this.#running) if (isRepeatable) end.abort(reason);
  }

  /**
   * Ends what another server may be asked instead, with an `UnreachableError`: what only reads, and where `inserts`
   * says so the inserts that the other replicas know again.
   */
  giveUp(message: string, inserts: boolean): void {
    for (const [end, { isRepeatable, isKnownByReplicas }] of this.#running) {
      if (isRepeatable || (inserts && isKnownByReplicas === true)) end.abort(new GivenUpError(message));
    }
  }

  close(reason: EngineError): void {
    for (const end of this.#running.keys()) end.abort(reason);
    this.#agent.destroy();
  }

  /**
   * A server closes connections that are quiet, and may do so while a request is on its way: whether it has read the
   * request, nobody can know. So what must not be done twice has a connection of its own, and the rest is repeated.
   */
  async #ask(statement: HttpStatement, sent: Sent): Promise<IncomingMessage> {
    if (!statement.isRepeatable) return this.#send(statement, sent, false);
    try {
      return await this.#send(statement, sent, this.#agent);
    } catch (error) {
      if (!(error instanceof StaleConnectionError) || sent.signal.aborted) throw error;
      return this.#send(statement, sent, false);
    }
  }

  #send(
    { sql, settings, file, data }: HttpStatement,
    sent: Sent,
    agent: HttpAgent | HttpsAgent | false,
  ): Promise<IncomingMessage> {
    const { compressionLevel, files } = this.#options;
    const isCompressed = compressionLevel > 0;
    const url = new URL('/', this.#url);
    // An error that comes after the first rows must not look like the end of them.
    url.searchParams.set('wait_end_of_query', '1');
    if (isCompressed) url.searchParams.set('enable_http_compression', '1');
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, String(value));
    const hasData = file !== undefined || data !== undefined;
    if (hasData) url.searchParams.set('query', sql);
    const isSecure = url.protocol === 'https:';
    const ca = isSecure ? (files?.ca ?? null) : null;
    const certificate = this.#certificate;
    const headers = {
      ...loginOf(this.#given, files?.password, certificate !== null).headers,
      ...(isCompressed && { 'accept-encoding': 'gzip' }),
      // How long compressed data is, is known too late.
      ...(isCompressed && hasData
        ? { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }
        : { 'content-length': hasData ? sent.dataBytes : Buffer.byteLength(sql) }),
    };
    // A connection of another trust, or with another certificate, is not used again: the agent tells them apart.
    const trust = { ...(ca !== null && { ca }), ...certificate };
    return new Promise((resolve, reject) => {
      const send = isSecure ? httpsRequest : httpRequest;
      const request = send(url, { method: 'POST', agent, headers, signal: sent.signal, ...trust });
      request.once('response', resolve).on('error', (error) => {
        reject(request.reusedSocket ? new StaleConnectionError(error.message, { cause: error }) : error);
      });
      request.once('socket', (socket) => {
        if (!socket.connecting) {
          sent.isSent = true;
          return;
        }
        const { connectTimeoutMs } = this.#options;
        const giveUp = (): void => void request.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
        const timer = setTimeout(giveUp, connectTimeoutMs);
        socket.once('close', () => clearTimeout(timer));
        socket.once(isSecure ? 'secureConnect' : 'connect', () => {
          clearTimeout(timer);
          sent.isSent = true;
        });
      });
      if (!hasData) {
        request.end(sql);
        return;
      }
      let body: Writable = request;
      if (isCompressed) {
        const gzip = createGzip({ level: compressionLevel });
        pipeline(gzip, request).catch(reject);
        body = gzip;
      }
      (file === undefined ? pipeline(Readable.from(data ?? []), body) : sendFile(file, body)).catch(reject);
    });
  }
}

interface Sent {
  readonly dataBytes: number;
  readonly signal: AbortSignal;
  /** A server may have seen the statement. */
  isSent: boolean;
}

/** A proxy's own words do not say whether it has handed the statement on. */
function mayRepeat({ isRepeatable, isKnownByReplicas }: HttpStatement, error: unknown): boolean {
  return isRepeatable || isKnownByReplicas === true || !(error instanceof UnreachableError) || error.isUnseen;
}

/** A connection that was kept from a request before has ended without an answer to this one. */
class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError';
}
