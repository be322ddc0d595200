import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestSecure } from 'node:https';
import type { Delivery } from './channel.ts';

/** Longer waits that a receiver asks for are no longer than this. */
const RETRY_AFTER_MS_MAX = 86_400_000;

/**
 * Posts JSON and says what became of it by the status: 2xx is delivered, 408, 425, 429 and 5xx are tried again, and
 * anything else has failed, redirects included: they are not followed. The body of the response is not read.
 */
export function postJson(
  url: string,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
): Promise<Delivery> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (delivery: Delivery): void => {
      clearTimeout(timer);
      resolve(delivery);
    };
    try {
      const target = new URL(url);
      const request = (target.protocol === 'https:' ? requestSecure : requestPlain)(target, {
        method: 'POST',
        // A connection of its own: nothing stays open between two alerts.
        agent: false,
        headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length },
      });
      // From the look-up of the name to the status.
      timer = setTimeout(() => {
        end({ kind: 'retry', reason: `no response within ${timeoutMs} ms` });
        request.destroy();
      }, timeoutMs);
      request.on('response', (response) => {
        end(deliveryOf(response));
        request.destroy();
      });
      // Its message may name the address, which may be a secret.
      request.on('error', (error: NodeJS.ErrnoException) => {
        end({ kind: 'retry', reason: `the connection failed (${error.code ?? error.name})` });
      });
      request.end(body);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'invalid request';
      end({ kind: 'failed', reason: `the request cannot be made (${code})` });
    }
  });
}

function deliveryOf({ statusCode = 0, headers }: IncomingMessage): Delivery {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
  const reason = `the receiver responded with status ${statusCode}`;
  if (statusCode >= 300 && statusCode < 400) return { kind: 'failed', reason: `${reason}; redirects are not followed` };
  if (![408, 425, 429].includes(statusCode) && statusCode < 500) return { kind: 'failed', reason };
  const afterMs = retryAfterMs(headers['retry-after'], Date.now());
  return { kind: 'retry', reason, ...(afterMs !== undefined && { afterMs }) };
}

/** Seconds, or a date. */
export function retryAfterMs(given: string | undefined, nowMs: number): number | undefined {
  const text = given?.trim() ?? '';
  const isDate = /^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} /.test(text);
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : isDate ? Date.parse(text) - nowMs : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}
