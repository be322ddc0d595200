import { catchRejection } from '../runtime/catch-rejection.ts';

/** Names of OpenTelemetry's stable HTTP semantic conventions, and the values that they define. */
export const ERROR_TYPE = 'error.type';
export const HTTP_REQUEST_METHOD = 'http.request.method';
export const HTTP_REQUEST_METHOD_ORIGINAL = 'http.request.method_original';
export const HTTP_ROUTE = 'http.route';
export const NETWORK_PEER_ADDRESS = 'network.peer.address';
export const NETWORK_PEER_PORT = 'network.peer.port';
export const NETWORK_PROTOCOL_VERSION = 'network.protocol.version';
export const NETWORK_TRANSPORT = 'network.transport';
/** Of a connection without a port. */
export const LOCAL_TRANSPORT = process.platform === 'win32' ? 'pipe' : 'unix';
export const CLIENT_ADDRESS = 'client.address';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';
export const URL_FULL = 'url.full';
export const URL_PATH = 'url.path';
export const URL_QUERY = 'url.query';
export const URL_SCHEME = 'url.scheme';
export const USER_AGENT_ORIGINAL = 'user_agent.original';

const KNOWN_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
]);

/** The value for a method that is not a known one, so that clients cannot make up values without end. */
export const OTHER_METHOD = '_OTHER';

export function knownMethod(method: string): string {
  if (KNOWN_METHODS.has(method)) return method;
  const upper = method.toUpperCase();
  return KNOWN_METHODS.has(upper) ? upper : OTHER_METHOD;
}

/** A span's name: the method, and the route where one is known. */
export function httpSpanName(knownOrOther: string, route?: string): string {
  const method = knownOrOther === OTHER_METHOD ? 'HTTP' : knownOrOther;
  return route === undefined || route === '' ? method : `${method} ${route}`;
}

/**
 * Query parameters whose values are signatures or credentials: the conventions' list, and what people call them. In any
 * case of letters.
 */
const SECRET_PARAMETERS = [
  'AWSAccessKeyId',
  'Signature',
  'sig',
  'X-Goog-Signature',
  'X-Goog-Credential',
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'auth_token',
  'private_token',
  'auth',
  'authorization',
  'api_key',
  'api-key',
  'apikey',
  'x-api-key',
  'access_key',
  'secret_key',
  'client_secret',
  'secret',
  'password',
  'passwd',
  'pwd',
  'session',
  'session_id',
  'sessionid',
  'sid',
  'jwt',
] as const;

/** Takes the secrets out of a query (`a=1&token=…`), or out of a URL that has one. */
export type Redact = (text: string) => string;

/**
 * The same for more names than those that are known; a function of the application's is called instead, and what it
 * throws leaves nothing of the text.
 */
export function redactorOf(given: readonly string[] | Redact | undefined): Redact {
  if (typeof given === 'function') {
    return (text) => {
      try {
        const shown: unknown = given(text);
        catchRejection(shown);
        return typeof shown === 'string' ? shown : '';
      } catch {
        return '';
      }
    };
  }
  return given === undefined || given.length === 0 ? redactQuery : namesRedacted([...SECRET_PARAMETERS, ...given]);
}

function namesRedacted(names: readonly string[]): Redact {
  const escaped = names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  // A name may be sent in percent-encoding as well.
  const parameter = new RegExp(`((?:^|[?&;])(?:${escaped.join('|')})=)[^&;#]*`, 'gi');
  return (text) => (text.includes('=') ? text.replace(parameter, '$1REDACTED') : text);
}

/** A query (or a URL with one) without secrets. */
export const redactQuery: Redact = namesRedacted(SECRET_PARAMETERS);

/** `host:port`, `[v6]:port` or a host alone; the port is `undefined` when there is none. */
export function splitHost(host: string): { readonly address: string; readonly port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(host);
  if (match === null) return { address: host, port: undefined };
  const [, address = '', port] = match;
  return {
    address: address.startsWith('[') ? address.slice(1, -1) : address,
    port: port === undefined ? undefined : Number(port),
  };
}

export function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : 80;
}
