import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The generated incidents of test/faults, which are TypeScript. */
export async function loadFaultLibrary() {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-faults-'));
  const outfile = join(folder, 'faults.mjs');
  try {
    await build({
      entryPoints: [fileURLToPath(new URL('../../test/faults/index.ts', import.meta.url))],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
