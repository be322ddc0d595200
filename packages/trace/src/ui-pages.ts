/** The pages of the web UI, below the prefix that it is served under; the server answers each of them with the page. */
export const UI_PAGES = {
  home: '/',
  services: '/services',
  explore: '/explore',
  trace: '/trace/:traceId',
  system: '/system',
} as const;

/** The name under which rollups count the services, or the operations, that are too many to be counted by name. */
export const OTHER_NAME = '(other)';
