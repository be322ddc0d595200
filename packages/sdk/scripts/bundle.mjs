/**
 * Before `npm pack`: puts a small `dist` in the place of the compiler's, which `--restore` brings back afterwards. The modules become
 * one file an entry and what these share, minified; of the declarations, those that an entry's own lead to are kept. Silent, since
 * npm's `--json` writes to the same output.
 */
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const compiled = join(root, '.dist-compiled');

// A run that was interrupted has left it behind.
if (existsSync(compiled)) {
  rmSync(dist, { recursive: true, force: true });
  renameSync(compiled, dist);
}
if (!process.argv.includes('--restore')) await bundle();

async function bundle() {
  const { rolldown } = await import('rolldown');
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.values(exports).map((entry) => entry.default.replace(/^\.\/dist\/(.*)\.js$/, '$1'));
  renameSync(dist, compiled);
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(compiled, `${entry}.js`)])),
    platform: 'node',
    external: [/^node:/, '@opentelemetry/api'],
  });
  await build.write({ dir: dist, format: 'esm', minify: true, chunkFileNames: 'shared/[name].js' });
  await build.close();
  for (const file of declarationsOf(entries.map((entry) => join(compiled, `${entry}.d.ts`)))) {
    cpSync(file, join(dist, relative(compiled, file)));
  }
}

/** The declaration files that these lead to, themselves included. */
function declarationsOf(files) {
  const found = new Set(files);
  for (const file of found) {
    for (const [, target] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.[jt]s['"]/g)) {
      found.add(join(dirname(file), `${target}.d.ts`));
    }
  }
  return found;
}
