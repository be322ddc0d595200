import type { Environment } from '../rules/resolve-secret.ts';
import type { Channel } from '../rules/rule.ts';
import type { Send } from './channel.ts';
import { email } from './email.ts';
import { slack } from './slack.ts';
import { webhook } from './webhook.ts';

/** What sends messages to a channel. Secrets are read anew for each message. */
export function senderOf(channel: Channel, env: Environment, now: () => number): Send {
  if (channel.type === 'webhook') return webhook(channel, { env, now });
  return channel.type === 'slack' ? slack(channel, env) : email(channel, env);
}
