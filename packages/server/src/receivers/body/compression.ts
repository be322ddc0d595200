/** In the order in which answers name them. */
export const COMPRESSIONS = ['gzip', 'deflate', 'zstd'] as const;

export type Compression = (typeof COMPRESSIONS)[number];

/** By the names that senders give them, in lower case; undefined for one that is not supported. */
export function compressionOf(name: string): Compression | undefined {
  if (name === 'x-gzip') return 'gzip';
  // What many libraries and collectors call deflate.
  if (name === 'zlib') return 'deflate';
  return COMPRESSIONS.find((compression) => compression === name);
}
