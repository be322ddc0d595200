import type { Channel, EmailChannel, Secret, SlackChannel, Text, WebhookChannel } from './rule.ts';
import { HEADER_NAME, HOST, line, MAIL_ADDRESS, number, oneOf, WEB_ADDRESS } from './text-rules.ts';
import type { TextRule, YamlFields } from './yaml-fields.ts';

const HEADERS_MAX = 20;
const RECIPIENTS_MAX = 50;
const PORTS: Readonly<Record<EmailChannel['tls'], number>> = { tls: 465, starttls: 587, none: 25 };
/** What the channel itself sends. */
const OWN_HEADERS = ['content-type', 'content-length', 'host', 'transfer-encoding', 'connection'];

// Secrets end up in place of the names of their variables and files, and without the quotes that they need.
const ENV_NAME: TextRule<string> = {
  isSecret: true,
  accepted: 'the name of an environment variable',
  parse: (text) => (/^[A-Za-z_]\w{0,199}$/.test(text.trim()) ? text.trim() : undefined),
};
const FILE_PATH: TextRule<string> = {
  isSecret: true,
  accepted: 'the path of a file',
  parse: (text) => (text.includes('\0') || text.length > 4_096 ? undefined : text),
};
const SECRET_ACCEPTED = '{env: NAME} or {file: PATH}, so that the secret is not in this file';

/** Null where something is wrong, which is noted. */
export function readChannel(name: string, fields: YamlFields): Channel | null {
  const type = fields.needed('type', oneOf(['webhook', 'slack', 'email']));
  if (type === undefined) return null;
  const channel = { webhook: readWebhook, slack: readSlack, email: readEmail }[type](name, fields);
  fields.end();
  return channel;
}

function readWebhook(name: string, fields: YamlFields): WebhookChannel | null {
  const url = readText(fields, 'url', { ...WEB_ADDRESS, isSecret: true });
  const secret = fields.has('secret') ? readSecret(fields, 'secret') : null;
  if (secret === undefined) fields.wrong('secret', `expected ${SECRET_ACCEPTED}`);
  const headers = readHeaders(fields.map('headers'));
  if (url === undefined || secret === undefined) return null;
  return { type: 'webhook', name, url, headers, secret };
}

function readHeaders(fields: YamlFields | undefined): Record<string, Text> {
  if (fields === undefined) return {};
  const headers: Record<string, Text> = {};
  for (const name of fields.names) {
    if (!HEADER_NAME.test(name)) {
      fields.wrongName(name, 'expected the name of a header, such as authorization, and its value behind a colon');
      continue;
    }
    const value = readText(fields, name, HEADER_VALUE);
    if (OWN_HEADERS.includes(name.toLowerCase())) {
      fields.wrong(name, 'expected the name of a header that the channel does not send itself');
    } else if (value !== undefined) Object.defineProperty(headers, name, { value, enumerable: true });
  }
  if (fields.names.length > HEADERS_MAX) {
    fields.wrongName(
      fields.names[HEADERS_MAX] ?? '',
      `there are ${fields.names.length} headers, expected at most ${HEADERS_MAX}`,
    );
  }
  return headers;
}

const HEADER_VALUE: TextRule<string> = {
  isSecret: true,
  accepted: 'a text of at most 1000 visible ASCII characters',
  parse: (text) => (/^[\x20-\x7e]{0,1000}$/.test(text) ? text : undefined),
};

function readSlack(name: string, fields: YamlFields): SlackChannel | null {
  // Whoever knows the address of an incoming webhook may post there.
  const url = readSecret(fields, 'url');
  if (url === undefined) fields.wrong('url', `expected ${SECRET_ACCEPTED}`);
  return url === undefined ? null : { type: 'slack', name, url };
}

function readEmail(name: string, fields: YamlFields): EmailChannel | null {
  const host = fields.needed('host', HOST);
  const tls = fields.text('tls', oneOf(['tls', 'starttls', 'none'])) ?? 'starttls';
  const port = fields.text('port', number(1, 65_535, true)) ?? PORTS[tls];
  const user = fields.text('user', line(320));
  const password = fields.has('password') ? readSecret(fields, 'password') : undefined;
  if (fields.has('password') && password === undefined) fields.wrong('password', `expected ${SECRET_ACCEPTED}`);
  if ((user === undefined) !== (password === undefined) && fields.has('user') !== fields.has('password')) {
    fields.wrong(
      user === undefined ? 'password' : 'user',
      'is given without the other of user and password; give both',
    );
  }
  if (tls === 'none' && password !== undefined) {
    fields.wrong('tls', 'is none, and a password would be sent unencrypted; use tls or starttls');
  }
  const caFile = fields.text('caFile', FILE_PATH) ?? null;
  const from = fields.needed('from', MAIL_ADDRESS);
  if (!fields.has('to')) fields.needed('to', MAIL_ADDRESS);
  const to = fields.list('to', MAIL_ADDRESS, RECIPIENTS_MAX) ?? [];
  if (host === undefined || from === undefined || to.length === 0) return null;
  const login = user === undefined || password === undefined ? null : { user, password };
  return { type: 'email', name, host, port, tls, login, caFile, from, to };
}

/** What may stand in the file, or in a variable or a file of its own. */
function readText(fields: YamlFields, name: string, rule: TextRule<string>): Text | undefined {
  if (!fields.isMap(name)) return fields.needed(name, rule);
  const secret = readSecret(fields, name);
  if (secret === undefined) fields.wrong(name, 'expected {env: NAME} or {file: PATH}');
  return secret;
}

function readSecret(fields: YamlFields, name: string): Secret | undefined {
  if (!fields.isMap(name)) {
    // What is there may be the secret itself: it is taken, and not repeated.
    fields.text(name, { accepted: '', parse: () => '' });
    return undefined;
  }
  const source = fields.map(name);
  const env = source?.text('env', ENV_NAME);
  const file = source?.text('file', FILE_PATH);
  source?.end(true);
  if ((env === undefined) === (file === undefined)) return undefined;
  return env === undefined ? { file: file! } : { env };
}
