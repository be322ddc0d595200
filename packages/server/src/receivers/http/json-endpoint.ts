import { Problem } from '../../http/problem.ts';
import { errorJson, type ApiResponse } from '../../http/response.ts';
import type { Route } from '../../http/route.ts';
import type { LimitCounter } from '../../limit-counter.ts';
import type { Endpoint, HttpResponse } from './endpoint.ts';

/** JSON of another module, at its path. */
export function jsonEndpoint(route: Route, limitCounter: LimitCounter): Endpoint {
  const { method, path, body: taken } = route;
  const bodyBytesMax = taken?.bytesMax ?? 0;
  return {
    method,
    path,
    forms: [],
    isForPages: false,
    bodyBytesMax,
    decompressedBytesMax: bodyBytesMax,
    countTooLarge: () => {
      if (taken !== null) limitCounter.reached(taken.limit);
    },
    busyBecause: () => null,
    take: async (body, { url = '', headers, access }): Promise<HttpResponse> => {
      const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
      try {
        const given = { path: {}, query, headers, body: body.copy(), access, signal: NEVER };
        return asHttpResponse(await route.handle(given));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        return refuse(error, null);
      }
    },
    refuse,
  };
}

/** What is served here is in memory: nobody waits for it who could leave. */
const NEVER = new AbortController().signal;

const refuse: Endpoint['refuse'] = (refusal) => asHttpResponse(errorJson(refusal));

function asHttpResponse({ body, ...others }: ApiResponse): HttpResponse {
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : [...body];
  return { ...others, body: Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))) };
}
