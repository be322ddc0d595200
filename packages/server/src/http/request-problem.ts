import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refusal.ts';

/**
 * Returns what is wrong with a request whatever it asks for, null where nothing is: the host that HTTP/1.1 demands (RFC
 * 9112, section 3.2), which a server that does not let Node refuse it asks for here, and what the request expects (RFC
 * 9110, section 10.1.1).
 */
export function requestProblem(request: IncomingMessage): Refusal | null {
  return hostProblem(request) ?? expectationProblem(request);
}

function hostProblem({ headers, rawHeaders, httpVersionMajor, httpVersionMinor }: IncomingMessage): Refusal | null {
  if (headers.host === undefined) return httpVersionMajor === 1 && httpVersionMinor >= 1 ? HOST_MISSING : null;
  let lines = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (isHost(rawHeaders[at])) lines += 1;
  return lines > 1 ? HOSTS_MANY : null;
}

function isHost(name = ''): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}

const HOST_MISSING: Refusal = {
  status: 400,
  code: 'host_missing',
  message: 'the request has no Host header, which HTTP/1.1 demands',
};
const HOSTS_MANY: Refusal = {
  status: 400,
  code: 'hosts_many',
  message: 'the request has more than one Host header; HTTP/1.1 takes one',
};

function expectationProblem(request: IncomingMessage): Refusal | null {
  const { expect } = request.headers;
  if (expect === undefined || isContinueExpected(request)) return null;
  const message = `the request expects ${expect.slice(0, 100)}; 100-continue is accepted`;
  // Nobody knows whether the body comes.
  return { status: 417, code: 'expectation_failed', message, headers: { connection: 'close' } };
}

/** Whether the sender waits to hear "100 Continue" before it sends the body. */
export function isContinueExpected({ headers: { expect } }: IncomingMessage): boolean {
  return expect !== undefined && /^100-continue$/i.test(expect);
}
