/**
 * Before `npm pack`: puts a small `dist` in the place of the compiler's, which `--restore` brings back afterwards. The modules become
 * one file an entry and what these share, minified; of the declarations, what an entry's own lead to is kept. Silent, since
 * npm's `--json` writes to the same output.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { neededDeclarations, withShortComments } from './declarations.mjs';

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
  const { minify } = await import('terser');
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.values(exports).map((entry) => entry.default.replace(/^\.\/dist\/(.*)\.js$/, '$1'));
  renameSync(dist, compiled);
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(compiled, `${entry}.js`)])),
    platform: 'node',
    external: [/^node:/, '@opentelemetry/api'],
  });
  const { output } = await build.write({
    dir: dist,
    format: 'esm',
    minify: true,
    chunkFileNames: '[name].js',
    // What entries share stands in one file: nobody uses a part of it without the rest, and several would import from each other.
    codeSplitting: { groups: [{ name: 'shared', minShareCount: 2 }] },
  });
  await build.close();
  // A percent less, compressed, than the bundler's own minifier alone.
  for (const { fileName, code } of output) {
    const options = { module: true, ecma: 2022 };
    writeFileSync(join(dist, fileName), (await minify(code, options)).code);
  }
  const declarations = neededDeclarations(entries.map((entry) => join(compiled, `${entry}.d.ts`)));
  for (const [file, text] of declarations) {
    const target = join(dist, relative(compiled, file));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, withShortComments(text));
  }
}
