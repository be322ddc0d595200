import { createHmac } from 'node:crypto';
import { resolveText, SecretError, type Environment } from '../rules/resolve-secret.ts';
import type { WebhookChannel } from '../rules/rule.ts';
import type { Delivery, Send } from './channel.ts';
import { postJson } from './post-json.ts';

/** Says that the body is ours: `t=<seconds>,v1=<HMAC-SHA256 of "t.body" in hex>`. */
const SIGNATURE_HEADER = 'throughline-signature';

export interface WebhookOptions {
  readonly env: Environment;
  /** Milliseconds since the epoch; of the signature, which a receiver compares with its own clock. */
  readonly now: () => number;
}

/** Posts the message as it is. */
export function webhook(channel: WebhookChannel, { env, now }: WebhookOptions): Send {
  return async (message, timeoutMs): Promise<Delivery> => {
    try {
      const body = Buffer.from(JSON.stringify(message));
      const url = await resolveText(channel.url, env);
      const secret = channel.secret === null ? null : await resolveText(channel.secret, env);
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(channel.headers)) headers[name] = await resolveText(value, env);
      return await postJson(
        url,
        body,
        {
          ...headers,
          'user-agent': 'Throughline',
          // A receiver that keeps it does nothing a second time.
          'idempotency-key': message.id,
          ...(secret !== null && { [SIGNATURE_HEADER]: signatureOf(body, secret, Math.floor(now() / 1_000)) }),
        },
        timeoutMs,
      );
    } catch (error) {
      return deliveryOfError(error);
    }
  };
}

export function signatureOf(body: Uint8Array, secret: string, seconds: number): string {
  const digest = createHmac('sha256', secret).update(`${seconds}.`).update(body).digest('hex');
  return `t=${seconds},v1=${digest}`;
}

/** A secret that is not there may come; of anything else the message may hold what must not be shown. */
export function deliveryOfError(error: unknown): Delivery {
  if (error instanceof SecretError) return { kind: 'retry', reason: error.message };
  return { kind: 'failed', reason: `the message could not be written (${(error as Error).name})` };
}
