import { resolveText, type Environment } from '../rules/resolve-secret.ts';
import type { SlackChannel } from '../rules/rule.ts';
import type { AlertMessage } from './alert-message.ts';
import type { Send } from './channel.ts';
import { plainText } from './plain-text.ts';
import { postJson } from './post-json.ts';
import { deliveryOfError } from './webhook.ts';

/** Slack's own limits. */
const HEADER_CHARACTERS_MAX = 150;
const TEXT_CHARACTERS_MAX = 3_000;
const FALLBACK_CHARACTERS_MAX = 1_000;

/** @see https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export function slack(channel: SlackChannel, env: Environment): Send {
  return async (message, timeoutMs) => {
    try {
      const url = await resolveText(channel.url, env);
      return await postJson(url, Buffer.from(JSON.stringify(slackPayload(message))), {}, timeoutMs);
    } catch (error) {
      return deliveryOfError(error);
    }
  };
}

interface SlackText {
  readonly type: 'mrkdwn' | 'plain_text';
  readonly text: string;
  readonly verbatim?: boolean;
  readonly emoji?: boolean;
}

interface SlackBlock {
  readonly type: 'header' | 'section' | 'context';
  readonly text?: SlackText;
  readonly elements?: readonly SlackText[];
}

/** What an incoming webhook of Slack is sent: blocks, and a text for notifications. */
export function slackPayload(message: AlertMessage): { readonly text: string; readonly blocks: readonly SlackBlock[] } {
  const { headline, details, rule, example, url } = message;
  const links = [
    link(url, 'Open in Throughline'),
    ...(example === null ? [] : [link(example.url, 'Example trace')]),
    ...Object.entries(rule.links).map(([name, address]) => link(address, name)),
  ];
  return {
    text: escaped(plainText(headline, FALLBACK_CHARACTERS_MAX)),
    blocks: [
      // Its text is plain: nothing is escaped in it.
      { type: 'header', text: { type: 'plain_text', text: plainText(headline, HEADER_CHARACTERS_MAX), emoji: false } },
      ...(details.length === 0
        ? []
        : [
            section(
              fitting(
                details.map((line) => escaped(line)),
                '\n',
              ),
            ),
          ]),
      section(fitting(links, '  ·  ')),
      {
        type: 'context',
        elements: [
          {
            type: 'mrkdwn',
            text: escaped(`${rule.severity} · ${rule.name} · ${message.dedupKey}`).slice(0, TEXT_CHARACTERS_MAX),
            verbatim: true,
          },
        ],
      },
    ],
  };
}

/** Verbatim: Slack makes no links and mentions of what looks like them. */
function section(text: string): SlackBlock {
  return { type: 'section', text: { type: 'mrkdwn', text, verbatim: true } };
}

/** As many as there is room for: a text that is cut in an escape sequence or a link would say something else. */
function fitting(parts: readonly string[], between: string): string {
  let text = '';
  for (const part of parts) {
    const longer = text === '' ? part : `${text}${between}${part}`;
    if (longer.length <= TEXT_CHARACTERS_MAX) text = longer;
  }
  // Slack takes no text without a character.
  return text === '' ? '…' : text;
}

/** The three characters that Slack gives a meaning: without them nothing mentions a person, a channel or a link. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A bar would end the address. */
function link(url: string, text: string): string {
  return `<${escaped(url).replaceAll('|', '%7C')}|${escaped(plainText(text, 60)).replaceAll('|', '/')}>`;
}
