import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const setupFiles = [fileURLToPath(new URL('./test/property-seed.ts', import.meta.url))];

const source = (path: string): string => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

/** Our own packages are tested from their sources; whole-system tests run what `npm run build` made. */
const alias = {
  '@throughline/trace/client': source('trace/src/client/index.ts'),
  '@throughline/trace/insight': source('trace/src/insight/index.ts'),
  '@throughline/trace': source('trace/src/index.ts'),
};

/** Waits end what hangs; none of them says how fast something must be, which depends on the machine. */
const expect = { poll: { timeout: 240_000 } };

const unit = (name: string, globalSetup: string[] = []) => ({
  resolve: { alias },
  test: {
    name,
    setupFiles,
    globalSetup,
    root: source(name),
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect,
  },
});

export default defineConfig({
  test: {
    // Files wait for servers and engines of their own almost half of the time: two cores carry three. Without this
    // they would be given one.
    maxWorkers: 3,
    projects: [
      unit('trace'),
      unit('sdk'),
      unit('server', [source('server/src/storage/testing/make-ready-store.ts')]),
      unit('ui'),
      {
        test: {
          name: 'system',
          setupFiles,
          root: fileURLToPath(new URL('./test', import.meta.url)),
          include: ['**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          expect,
        },
      },
    ],
  },
});
