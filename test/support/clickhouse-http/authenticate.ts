import type { IncomingHttpHeaders } from 'node:http';
import { ClickHouseException } from './exception.ts';

/** Names and passwords. */
export type Users = Readonly<Record<string, string>>;

export interface Known {
  readonly passwords: Users;
  /** Names, and the common names of their certificates. */
  readonly certificates: Users;
  /** Of the certificate that came with the connection; '' for none. */
  readonly commonName: string;
}

/** The name of the user who asks. Throws 516 for a wrong password, and for two ways of saying it in one request. */
export function authenticate(
  headers: IncomingHttpHeaders,
  parameters: URLSearchParams,
  { passwords, certificates, commonName }: Known,
): string {
  if (headers['x-clickhouse-ssl-certificate-auth'] === 'on') {
    const user = utf8(headers['x-clickhouse-user']);
    if (utf8(headers['x-clickhouse-key']) !== '') throw twice('SSL certificate authentication', 'password');
    if (headers.authorization !== undefined) throw twice('X-ClickHouse HTTP headers', 'Authorization HTTP header');
    if (commonName !== '' && certificates[user] === commonName) return user;
    throw failed(`${user}: Authentication failed`);
  }
  const { user, password } = credentials(headers, parameters);
  if (Object.hasOwn(passwords, user) && passwords[user] === password) return user;
  throw failed(`${user}: Authentication failed: password is incorrect, or there is no user with such name`);
}

function credentials(headers: IncomingHttpHeaders, parameters: URLSearchParams): { user: string; password: string } {
  const user = utf8(headers['x-clickhouse-user']);
  const password = utf8(headers['x-clickhouse-key']);
  const { authorization } = headers;
  const isInParameters = parameters.has('user') || parameters.has('password');
  if (user !== '' || password !== '') {
    if (user === '') throw failed('Got an empty user name from X-ClickHouse HTTP headers');
    if (authorization !== undefined) throw twice('X-ClickHouse HTTP headers', 'Authorization HTTP header');
    if (isInParameters) throw twice('X-ClickHouse HTTP headers', 'authentication via parameters');
    return { user, password };
  }
  if (authorization !== undefined) {
    if (isInParameters) throw twice('Authorization HTTP header', 'authentication via parameters');
    return basic(authorization);
  }
  const named = parameters.get('user') ?? 'default';
  if (named === '') throw failed('Got an empty user name from authentication via parameters');
  return { user: named, password: parameters.get('password') ?? '' };
}

function basic(authorization: string): { user: string; password: string } {
  const [scheme = '', encoded = ''] = authorization.split(' ');
  if (scheme.toLowerCase() !== 'basic') {
    throw failed(`Invalid authentication: '${scheme}' HTTP Authorization scheme is not supported`);
  }
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  if (user === '') throw failed('Got an empty user name from Authorization HTTP header');
  return { user, password };
}

/** Node reads the bytes of a header as Latin-1; ClickHouse takes them as they are. */
function utf8(value: string | string[] | undefined): string {
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : '';
}

const failed = (message: string): ClickHouseException => ClickHouseException.of(516, message);

const twice = (one: string, other: string): ClickHouseException =>
  failed(`Invalid authentication: it is not allowed to use ${one} and ${other} simultaneously`);
