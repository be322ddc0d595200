import type { JsonRoute } from '../../http/json-route.ts';
import { encodeStatus, statusCodeOf } from '../otlp/otlp-response.ts';
import type { Endpoint, HttpResponse } from './endpoint.ts';

const JSON_TYPE = 'application/json';

/** JSON of another room, at its path. An error is a `google.rpc.Status`. */
export function jsonEndpoint({ method, path, bodyBytesMax, handle }: JsonRoute): Endpoint {
  return {
    method,
    path,
    forms: [],
    isForPages: false,
    bodyBytesMax,
    decompressedBytesMax: bodyBytesMax,
    // Its limit is counted by the status of the answer.
    countTooLarge: () => {},
    busyBecause: () => null,
    take: async (body, _, { url = '', headers }): Promise<HttpResponse> => {
      const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
      const answer = await handle({ query, headers, body: body.copy() });
      if (!('body' in answer)) return refuse(answer, null);
      return { status: answer.status, contentType: JSON_TYPE, body: Buffer.from(JSON.stringify(answer.body)) };
    },
    refuse,
  };
}

const refuse: Endpoint['refuse'] = ({ status, message, headers = {} }) => ({
  status,
  contentType: JSON_TYPE,
  body: encodeStatus('json', statusCodeOf(status), message),
  headers,
});
