import { parseTraceId, uiPath } from '@throughline/trace/client';
import { Redirect, useSearch } from 'wouter';
import { TracePage } from './trace/trace-page.tsx';

/** The trace at an address, which may hold its id in any form; the page has one address, that of the 32 digits. */
export function TraceAt({ given }: { readonly given: string }) {
  const search = useSearch();
  const traceId = parseTraceId(given) ?? given;
  if (traceId === given) return <TracePage traceId={traceId} />;
  return <Redirect to={uiPath('trace', { traceId, search })} replace />;
}
