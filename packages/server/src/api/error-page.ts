import type { ApiResponse } from '../http/response.ts';
import type { Problem } from '../http/problem.ts';

/** What a person sees who opened an address that the server itself has to refuse. */
export function errorPage({ status, message, headers }: Pick<Problem, 'status' | 'message' | 'headers'>): ApiResponse {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Throughline: ${status}</title>
<h1>Throughline cannot answer this</h1>
<p>${escaped(message)}</p>
</html>
`;
  return { status, contentType: 'text/html; charset=utf-8', headers, body };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
