import { createHash } from 'node:crypto';

/** A 128-bit trace id and 64-bit span ids that follow from a name: the same in every run. */
export function traceIdOf(name: string): string {
  return createHash('sha256').update(`trace ${name}`).digest('hex').slice(0, 32);
}

export function spanIdOf(name: string): string {
  return createHash('sha256').update(`span ${name}`).digest('hex').slice(0, 16);
}

/** An OTLP JSON request with the given number of spans, each its own trace, named `<name>-<index>`. */
export function aRequest(name: string, spans: number, service = 'load', startUnixMs = Date.now()): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [
          {
            scope: { name: 'test' },
            spans: Array.from({ length: spans }, (_, index) => ({
              traceId: traceIdOf(`${name}-${index}`),
              spanId: spanIdOf(`${name}-${index}`),
              name: 'operation',
              kind: 2,
              startTimeUnixNano: `${startUnixMs}000000`,
              endTimeUnixNano: `${startUnixMs + 5}000000`,
              attributes: [{ key: 'request', value: { stringValue: name } }],
            })),
          },
        ],
      },
    ],
  });
}

export function postJson(otlpUrl: string, body: string): Promise<Response> {
  return fetch(`${otlpUrl}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}
