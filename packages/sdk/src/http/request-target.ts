import type { ClientRequest, RequestOptions } from 'node:http';
import { property } from '../runtime/property.ts';
import type { OutgoingRequest } from './options.ts';

/** Where a request goes. */
export interface Target {
  readonly request: OutgoingRequest;
  readonly address: string;
  /** Undefined for a socket of the file system. */
  readonly port: number | undefined;
}

interface Asked extends RequestOptions {
  readonly agent?: RequestOptions['agent'] & { readonly defaultPort?: unknown; readonly protocol?: unknown };
}

/**
 * Where Node sends what `http.request` is given, by the rules of its `ClientRequest`: a URL first, the options over it,
 * and what is empty counts as omitted. The Host header says nothing of it: it names a virtual host. `request` is what
 * came back, where it is there already.
 */
export function targetOf(args: readonly unknown[], isSecure: boolean, request?: ClientRequest): Target {
  const asked = optionsOf(args);
  const agent = typeof asked.agent === 'object' ? asked.agent : undefined;
  const protocol = text(property(request, 'protocol')) || text(asked.protocol) || text(property(agent, 'protocol'));
  const scheme = (protocol || (isSecure ? 'https:' : 'http:')).replace(/:$/, '');
  const standardPort = scheme === 'https' ? 443 : 80;
  const ports: unknown[] = [asked.port, asked.defaultPort, property(agent, 'defaultPort'), standardPort];
  const port = Number(ports.find((each) => each !== undefined && each !== null && each !== '' && Number(each) !== 0));
  const name = (text(asked.hostname) || text(asked.host) || 'localhost').replace(/^\[|\]$/g, '');
  const host = name.includes(':') ? `[${name}]` : name;
  const socketPath = text(asked.socketPath);
  return {
    request: {
      method: text(property(request, 'method')) || text(asked.method).toUpperCase() || 'GET',
      origin: `${scheme}://${host}${socketPath !== '' || port === standardPort ? '' : `:${port}`}`,
      path: text(property(request, 'path')) || text(asked.path) || '/',
    },
    address: socketPath || name,
    port: socketPath === '' ? port : undefined,
  };
}

/** What Node makes of its arguments. */
function optionsOf([first, second]: readonly unknown[]): Asked {
  if (typeof first === 'string') return { ...ofUrl(new URL(first)), ...optionsOrNothing(second) };
  if (isUrl(first)) return { ...ofUrl(first), ...optionsOrNothing(second) };
  return optionsOrNothing(first);
}

function optionsOrNothing(value: unknown): Asked {
  return typeof value === 'object' && value !== null ? value : {};
}

/** Of whatever realm: jsdom has a class of its own. */
export function isUrl(value: unknown): value is URL {
  const isNamed = text(property(value, 'href')) !== '' && text(property(value, 'protocol')) !== '';
  return isNamed && property(value, 'auth') === undefined && property(value, 'path') === undefined;
}

function ofUrl({ protocol, hostname, port, pathname, search }: URL): Asked {
  return { protocol, hostname, port, path: `${pathname}${search}` };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
