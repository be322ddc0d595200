import { readFile } from 'node:fs/promises';
import { resolveText, type Environment } from '../rules/resolve-secret.ts';
import type { EmailChannel } from '../rules/rule.ts';
import type { AlertMessage } from './alert-message.ts';
import type { Delivery, Send } from './channel.ts';
import { messageText } from './message-text.ts';
import { plainText } from './plain-text.ts';
import { deliveryOfError } from './webhook.ts';

/** Mail programs cut longer ones. */
const SUBJECT_CHARACTERS_MAX = 150;
/** So many times as long as a request a mail may take: servers look at a mail before they accept it. */
const TIMES_OF_A_REQUEST = 6;

/** Sends a mail by SMTP. */
export function email(channel: EmailChannel, env: Environment): Send {
  return async (message, timeoutMs, left) => {
    // Addresses that were kept are sent to as long as the file has them.
    const recipients = left === undefined ? channel.to : channel.to.filter((one) => left.includes(one));
    if (recipients.length === 0) return { kind: 'failed', reason: 'the recipients are not in the file any more' };
    try {
      const password = channel.login === null ? null : await resolveText(channel.login.password, env);
      return await sendMail(channel, password, message, recipients, timeoutMs);
    } catch (error) {
      return deliveryOfError(error);
    }
  };
}

async function sendMail(
  { host, port, tls, login, caFile, from, to }: EmailChannel,
  password: string | null,
  message: AlertMessage,
  recipients: readonly string[],
  timeoutMs: number,
): Promise<Delivery> {
  // Loaded only where a rule sends mails.
  const { createTransport } = await import('nodemailer');
  const limitMs = timeoutMs * TIMES_OF_A_REQUEST;
  // The times below are of each step; a server that is slow in all of them must not hold the others up. The connection
  // ends with it: on one that is left the server could accept a mail that is sent once more.
  const signal = AbortSignal.timeout(limitMs);
  try {
    const ca = caFile === null ? undefined : await readFile(caFile, 'utf8');
    const transport = createTransport({
      host,
      port,
      secure: tls === 'tls',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      ...(login !== null && password !== null && { auth: { user: login.user, pass: password } }),
      ...(ca !== undefined && { tls: { ca } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: limitMs,
      dnsTimeout: timeoutMs,
      // What is in a message is text, and never the name of a file or an address that is read.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const mail = { ...mailOf(message, from, to), envelope: { from, to: [...recipients] }, signal };
    return deliveryOfSent(await transport.sendMail(mail), recipients);
  } catch (error) {
    if (signal.aborted) return { kind: 'retry', reason: `the mail server took more than ${limitMs} ms` };
    return deliveryOf(error);
  }
}

/** The headers are encoded by the library; none of them has a line break here. */
function mailOf(message: AlertMessage, from: string, to: readonly string[]): object {
  const { id, dedupKey, event, headline, rule } = message;
  const thread = `<${dedupKey}@throughline>`;
  return {
    from,
    to,
    subject: plainText(headline, SUBJECT_CHARACTERS_MAX),
    text: messageText(message),
    messageId: `<${id}@throughline>`,
    // Mails of one incident are one conversation.
    ...(event !== 'test' && { inReplyTo: thread, references: thread }),
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Throughline-Event': event,
      'X-Throughline-Dedup-Key': dedupKey,
      'X-Throughline-Severity': rule.severity,
    },
  };
}

/** What the server has said of each recipient; it has the mail for those that it did not reject. */
interface Sent {
  readonly rejected?: readonly (string | { readonly address: string })[] | undefined;
  readonly rejectedErrors?: readonly { readonly responseCode?: number | undefined }[] | undefined;
}

function deliveryOfSent({ rejected = [], rejectedErrors = [] }: Sent, recipients: readonly string[]): Delivery {
  if (rejected.length === 0) return { kind: 'delivered' };
  const codes = rejectedErrors.map(({ responseCode }) => responseCode ?? 0);
  const reason = `the mail server responded with ${codes.join(', ')} for ${rejected.length} of ${recipients.length} recipients`;
  // As long as one of them may be accepted all of these are tried: the last attempt says who never was.
  if (codes.length > 0 && codes.every((code) => code >= 500)) return { kind: 'failed', reason };
  const addresses = new Set(rejected.map((one) => (typeof one === 'string' ? one : one.address).toLowerCase()));
  const left = recipients.filter((one) => addresses.has(bareAddress(one).toLowerCase()));
  // An address that the library writes in another way: a mail that comes twice is better than one that does not come.
  return { kind: 'retry', reason, left: left.length < rejected.length ? recipients : left };
}

/** Of `Ops <ops@example.com>`. */
function bareAddress(recipient: string): string {
  return /<([^<>]*)>$/.exec(recipient)?.[1] ?? recipient;
}

/** By the code of the server, or that of the connection; the text of the server may quote what it was sent. */
function deliveryOf(error: unknown): Delivery {
  const { code, responseCode } = error as { readonly code?: string; readonly responseCode?: number };
  if (responseCode !== undefined) {
    const reason = `the mail server responded with ${responseCode}`;
    // A login that is rejected may be a password that is being rotated.
    return { kind: responseCode >= 500 && code !== 'EAUTH' ? 'failed' : 'retry', reason };
  }
  return { kind: 'retry', reason: `the mail was not sent (${code ?? (error as Error).name})` };
}
