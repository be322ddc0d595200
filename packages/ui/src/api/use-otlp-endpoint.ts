import { useQuery } from '@tanstack/react-query';
import { api } from './api.ts';

/** Where applications send to over HTTP, such as `http://127.0.0.1:4318`; null until it is known. */
export function useOtlpEndpoint(): string | null {
  const { data } = useQuery({ queryKey: ['endpoints'], queryFn: () => api.endpoints(), staleTime: Infinity });
  // Whoever serves the page also takes the spans.
  return data === undefined ? null : `http://${location.hostname}:${data.otlpHttpPort}`;
}
