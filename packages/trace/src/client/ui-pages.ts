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
