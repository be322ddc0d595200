import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { BrowserContext } from 'playwright-core';
import { CHROMIUM_FLAGS, findChromium } from '../../scripts/workspace.mjs';

/** The system's Chromium, which the tests' set-up installs where it can; undefined where there is none. */
export const chromiumPath: string | undefined = findChromium();

export interface Browser {
  readonly context: BrowserContext;
  readonly close: () => Promise<void>;
}

export async function openBrowser(
  options: { colorScheme?: 'light' | 'dark'; width?: number; height?: number; flags?: readonly string[] } = {},
): Promise<Browser> {
  if (!chromiumPath || !existsSync(chromiumPath)) throw new Error('There is no Chromium.');
  const userData = mkdtempSync(join(tmpdir(), 'throughline-chromium-'));
  const context = await chromium.launchPersistentContext(userData, {
    executablePath: chromiumPath,
    headless: true,
    args: [...CHROMIUM_FLAGS, ...(options.flags ?? [])],
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: 'reduce',
  });
  return {
    context,
    close: async () => {
      await context.close();
      rmSync(userData, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
