import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonRoute } from '../../http/json-route.ts';
import { BodyError } from '../body/body-error.ts';
import type { Body } from '../body/body.ts';
import type { ByteBudget } from '../body/byte-budget.ts';
import type { Decompressor } from '../body/decompressor.ts';
import { CONTENT_TYPES, encodeStatus, StatusCode } from '../otlp/otlp-response.ts';
import { bodyEncoding, checkAnnouncedLength, readBody } from '../body/request-body.ts';
import { usualPath } from '../otlp/usual-path.ts';

interface EncodedAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface JsonRoutesOptions {
  readonly budget: ByteBudget;
  readonly decompressor: Decompressor;
  /** What a sender is told to wait when the answer is 503. */
  readonly retryAfterMs: number;
}

/** What other rooms serve on the port for OTLP/HTTP. */
export class JsonRoutes {
  readonly #routes: readonly JsonRoute[];
  readonly #options: JsonRoutesOptions;

  constructor(routes: readonly JsonRoute[], options: JsonRoutesOptions) {
    this.#routes = routes;
    this.#options = options;
  }

  /** Whether the path is one of ours. */
  has({ url = '' }: IncomingMessage): boolean {
    const asked = usualPath(url);
    return this.#routes.some(({ path }) => path === asked);
  }

  /** For a sender that may ask. Rejects with Node's own error when the connection breaks. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<EncodedAnswer> {
    const { url = '' } = request;
    const path = usualPath(url);
    const query = url.includes('?') ? url.slice(url.indexOf('?')) : '';
    const atPath = this.#routes.filter((route) => route.path === path);
    const route = atPath.find(({ method }) => method === request.method);
    if (route === undefined) {
      const allow = atPath.map(({ method }) => method).join(', ');
      return failure(405, StatusCode.unimplemented, `${path} takes ${allow}, not ${request.method}`, { allow });
    }
    const encoding = bodyEncoding(request.headers['content-encoding']);
    if (encoding === null) {
      const given = request.headers['content-encoding'];
      return failure(415, StatusCode.invalidArgument, `the content encoding is ${given}, which is not supported`);
    }
    const { budget, decompressor, retryAfterMs } = this.#options;
    let body: Body | null = null;
    try {
      checkAnnouncedLength(request, route.bodyBytesMax, budget);
      if (request.headers.expect !== undefined) response.writeContinue();
      body = await readBody(request, {
        encoding,
        bytesMax: route.bodyBytesMax,
        decompressedBytesMax: route.bodyBytesMax,
        budget,
        decompressor,
      });
      const { headers } = request;
      const answer = await route.handle({ query: new URLSearchParams(query), headers, body: body.takeOwn() });
      return encoded(answer.status, Buffer.from(JSON.stringify(answer.body)));
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
      if (error.status === 503) {
        const retryAfter = { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
        return failure(503, StatusCode.unavailable, error.message, retryAfter);
      }
      const code = error.status === 400 ? StatusCode.invalidArgument : StatusCode.resourceExhausted;
      return failure(error.status, code, error.message);
    } finally {
      body?.release();
    }
  }
}

function failure(
  httpStatus: number,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): EncodedAnswer {
  return encoded(httpStatus, encodeStatus('json', code, message), headers);
}

function encoded(httpStatus: number, body: Buffer, headers: Readonly<Record<string, string>> = {}): EncodedAnswer {
  return { status: httpStatus, body, headers: { 'content-type': CONTENT_TYPES.json, ...headers } };
}
