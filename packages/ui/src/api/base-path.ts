/**
 * The prefix that a proxy serves the collector under, such as `/tracing`; '' for none. A page finds it in its `<base>`,
 * which the server writes; a worker has no document and finds it in its name.
 */
export const basePath: string =
  'document' in globalThis ? new URL(document.baseURI).pathname.replace(/\/$/, '') : workerName();

/** The address that the collector's API is found at, from this page or from elsewhere. */
export function collectorUrl(): string {
  return location.origin + basePath;
}

function workerName(): string {
  const { name } = globalThis as { readonly name?: unknown };
  return typeof name === 'string' ? name : '';
}
