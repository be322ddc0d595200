/**
 * Before `npm pack`: puts what is published in the place of the compiler's `dist`, which `--restore` brings back afterwards. The modules become
 * one readable file an entry and what these share, so that they load at once, with maps to the sources; of the declarations those that an entry
 * leads to are kept, whole. Silent, since npm's `--json` writes to the same output.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mapOfLines } from './line-map.mjs';

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
    input: Object.fromEntries(entries.map((entry) => [entry, join(root, 'src', `${entry}.ts`)])),
    platform: 'node',
    external: [/^node:/, '@opentelemetry/api'],
    transform: { target: 'es2022' },
  });
  const { output } = await build.write({
    dir: dist,
    format: 'esm',
    minify: false,
    // Comments stand in the sources, which the maps have.
    comments: false,
    sourcemap: true,
    chunkFileNames: '[name].js',
    // What entries share stands in one file: nobody uses a part of it without the rest, and several would import from each other.
    codeSplitting: { groups: [{ name: 'shared', minShareCount: 2 }] },
  });
  await build.close();
  for (const { fileName, map } of output) {
    if (map) writeFileSync(join(dist, `${fileName}.map`), JSON.stringify(mapOfLines(JSON.parse(map.toString()))));
  }
  const needed = new Set();
  for (const entry of entries) addDeclarations(join(compiled, `${entry}.d.ts`), needed);
  for (const file of needed) {
    const target = join(dist, relative(compiled, file));
    mkdirSync(dirname(target), { recursive: true });
    // Their maps lead to sources that are not published.
    writeFileSync(target, readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, ''));
  }
}

/** A file and what it imports or exports from other files of ours, by way of `import('…')` as well. */
function addDeclarations(file, needed) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?['"](\.[^'"]+)['"]/g)) {
    addDeclarations(join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts')), needed);
  }
}
