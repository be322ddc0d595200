/**
 * Paths of the web UI's pages, below the prefix that it is served under; `:traceId` is in place of a trace id, in any
 * form that `parseTraceId` reads.
 */
export const UI_PAGES = {
  home: '/',
  services: '/services',
  explore: '/explore',
  trace: '/trace/:traceId',
  system: '/system',
} as const;

type UiPage = keyof typeof UI_PAGES;

interface Search {
  /** The query of the URL, without its question mark; '' is none. */
  readonly search?: string;
}

/**
 * Where a page is, below the prefix that the UI is served under.
 *
 * @example
 * uiPath('explore', { search: 'service=web' }); // '/explore?service=web'
 */
export function uiPath(page: 'trace', options: Search & { readonly traceId: string }): string;
export function uiPath(page: Exclude<UiPage, 'trace'>, options?: Search): string;
export function uiPath(
  page: UiPage,
  { traceId = '', search = '' }: Search & { readonly traceId?: string } = {},
): string {
  const path = UI_PAGES[page].replace(':traceId', encodeURIComponent(traceId));
  return search === '' ? path : `${path}?${search}`;
}
