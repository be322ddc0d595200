import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { initialSize } from './initial-size.ts';

export default defineConfig(({ command }) => ({
  // Relative to the page's <base>, into which the server writes the prefix that it is served under.
  base: command === 'build' ? './' : '/',
  plugins: [react(), initialSize()],
  resolve: {
    // From its source: the page is one build, and needs no other package to be built first.
    alias: {
      '@throughline/trace/client': fileURLToPath(new URL('../trace/src/client/index.ts', import.meta.url)),
      '@throughline/trace': fileURLToPath(new URL('../trace/src/index.ts', import.meta.url)),
    },
  },
  build: {
    // `dist/types` beside it belongs to the type checker.
    outDir: 'dist/site',
    target: 'es2022',
    // The Content-Security-Policy allows files of our own origin and no `data:` URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  server: { host: '127.0.0.1', proxy: { '/api': 'http://127.0.0.1:4319' } },
}));
