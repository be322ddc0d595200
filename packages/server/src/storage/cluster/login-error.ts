import { EngineError } from '../engine.ts';
import { CertificateRejectedError } from './certificate-rejection.ts';
import { UnreachableError } from './unreachable-error.ts';

/** ClickHouse's: no such user, a wrong password, none given, a login that failed. Nothing was carried out then. */
const LOGIN_CODES: ReadonlySet<number> = new Set([192, 193, 194, 516]);
/** A proxy's, or a current ClickHouse's whose words did not come. */
const LOGIN_STATUSES: ReadonlySet<number> = new Set([401, 403]);

/** Whether a server, or a proxy in front of it, rejects who we are. */
export function isLoginError(error: unknown): boolean {
  if (error instanceof CertificateRejectedError) return true;
  if (error instanceof UnreachableError) return LOGIN_STATUSES.has(error.httpStatus);
  return error instanceof EngineError && LOGIN_CODES.has(error.clickhouseCode);
}
