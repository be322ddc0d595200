import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** What a visitor waits for before the first page shows, scripts and styles together, compressed. */
const initialGzipBytesMax = 150 * 1024;

/** Prints the initial size of the page, and fails the build when it is over `initialGzipBytesMax`. */
export function initialSize(): Plugin {
  return {
    name: 'initial-size',
    apply: 'build',
    writeBundle(_, bundle) {
      const files = Object.values(bundle);
      const entry = files.find((file) => file.type === 'chunk' && file.isEntry);
      // The worker of the trace page is an asset here, and loaded only there.
      const sources = files.flatMap((file) => {
        if (file.type === 'asset') return file.fileName.endsWith('.css') ? [file.source] : [];
        return file === entry || (entry?.type === 'chunk' && entry.imports.includes(file.fileName)) ? [file.code] : [];
      });
      const bytes = sources.reduce((sum, source) => sum + gzipSync(source).length, 0);
      const size = `${(bytes / 1024).toFixed(1)} KiB gzip`;
      if (bytes > initialGzipBytesMax) {
        this.error(`The first page needs ${size}; at most ${initialGzipBytesMax / 1024} KiB are allowed`);
      }
      this.info(`The first page needs ${size}`);
    },
  };
}
