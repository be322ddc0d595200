/** The pages of the web UI, below the prefix that it is served under; the server answers each of them with the page. */
export const UI_PAGES = {
  home: '/',
  services: '/services',
  explore: '/explore',
  trace: '/trace/:traceId',
  system: '/system',
} as const;
