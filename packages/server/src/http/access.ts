import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from './refusal.ts';

/** What access control knows of a request before anything is done for it. */
export interface AccessRequest {
  readonly method?: string | undefined;
  /** The path and the query. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** What a request may do; it is handed on to what answers the request. */
export interface Access {
  readonly isAllowed: true;
  /** Who sends it, such as a user or a tenant, where the check finds that out. */
  readonly identity?: string;
}

export type AccessDecision = Access | Refusal;

/**
 * Asked once for each request to the API and to the receivers: after strangers have been refused, and before an answer
 * tells whether there is something at the path and before the body is read. A CORS preflight, which can carry no
 * credentials, is answered without it. Where it throws or rejects, the request is answered 500.
 */
export type AccessCheck = (request: AccessRequest) => AccessDecision | Promise<AccessDecision>;

const ALLOWED: Access = { isAllowed: true };

/** There is no authentication yet. */
export const allowAll: AccessCheck = () => ALLOWED;

export function isAllowed(decision: AccessDecision): decision is Access {
  return 'isAllowed' in decision;
}
