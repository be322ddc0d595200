import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from './refusal.ts';

/** What access control knows of a request before anything is looked up for it. */
export interface AccessRequest {
  readonly method?: string | undefined;
  /** The path and the query. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** What a request may do. */
export interface Access {
  readonly isAllowed: true;
}

/** Asked once for each request to the API and to the receivers, before it is routed and before its body is read. */
export type AccessCheck = (request: AccessRequest) => Access | Refusal;

const ALLOWED: Access = { isAllowed: true };

/** There is no authentication yet. */
export const allowAll: AccessCheck = () => ALLOWED;

/** Returns why the request is refused; null where it may go on. */
export function refusedAccess(check: AccessCheck, request: AccessRequest): Refusal | null {
  const access = check(request);
  return 'isAllowed' in access ? null : access;
}
