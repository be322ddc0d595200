/**
 * Before `npm pack`: puts what is published in the place of the compiler's `dist`, which `--restore` brings back
 * afterwards. The modules become one readable CommonJS file an entry and what these share, so that they load at once,
 * with maps to the sources; an ES module beside each entry exports the same objects under the same names, so that a
 * process has one copy whichever way it loads it: see docs/decisions/0022-one-copy-for-import-and-require.md. Of the
 * declarations those that an entry leads to are kept, whole. Silent, since npm's `--json` writes to the same output.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mapOfLines } from './line-map.mjs';
import { reassignedExports } from './reassigned-exports.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const compiled = join(root, '.dist-compiled');
/** Files of ours that a declaration names, by way of `import('…')` as well. */
const IMPORTED_FILE = /(?:from|import)\s*\(?['"](\.[^'"]+)['"]/g;
/**
 * How a file exports to those of the entries. Nothing that is exported changes later, which is checked, and properties
 * are read faster and take less room.
 */
const GETTER =
  /^Object\.defineProperty\(exports, "(\w+)", \{\s*enumerable: true,\s*get: function \(\) \{\s*return \1;\s*\}\s*\}\);$/gm;
/** What esbuild cannot make of `require` in an ES module, where Node has none. */
const BUILT_IN = /\brequire\(("node:[\w/]+")\)/g;

// A run that was interrupted has left it behind.
if (existsSync(compiled)) {
  rmSync(dist, { recursive: true, force: true });
  renameSync(compiled, dist);
}
if (!process.argv.includes('--restore')) await bundle();

async function bundle() {
  const [{ rolldown }, { parseSync }] = await Promise.all([import('rolldown'), import('rolldown/utils')]);
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const entries = Object.values(exports).map((entry) => entry.default.default.replace(/^\.\/dist\/(.*)\.js$/, '$1'));
  renameSync(dist, compiled);
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(root, 'src', `${entry}.ts`)])),
    platform: 'node',
    external: [/^node:/, '@opentelemetry/api'],
    transform: { target: 'es2022' },
  });
  const { output } = await build.write({
    dir: dist,
    format: 'cjs',
    minify: false,
    esModule: true,
    // Plain properties: a test may put a double in the place of one, and Node sees the names without running the file.
    externalLiveBindings: false,
    // Those of a declaration are in it.
    comments: false,
    sourcemap: true,
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    // What entries share is in one file: nobody uses a part of it without the rest, and several would import from
    // each other.
    codeSplitting: { groups: [{ name: 'shared', minShareCount: 2 }] },
  });
  await build.close();
  for (const { fileName, code, map, isEntry, exports: names } of output) {
    if (code !== undefined) {
      const text = code.replaceAll(GETTER, 'exports.$1 = $1;').replaceAll(BUILT_IN, 'process.getBuiltinModule($1)');
      const reassigned = reassignedExports(parseSync(fileName, text).program);
      if (reassigned.length > 0)
        throw new Error(
          `${fileName} exports what is assigned again later, and importers would not see it: ${reassigned.join(', ')}`,
        );
      writeFileSync(join(dist, fileName), text);
    }
    if (map)
      writeFileSync(join(dist, `${fileName}.map`), JSON.stringify(smallMap(JSON.parse(map.toString()), parseSync)));
    if (isEntry) writeEntryModule(fileName, names);
  }
  const needed = new Set();
  for (const entry of entries) addDeclarations(join(compiled, `${entry}.d.ts`), needed);
  for (const file of needed) {
    const target = join(dist, relative(compiled, file).replace(/\.ts$/, '.cts'));
    mkdirSync(dirname(target), { recursive: true });
    const text = readFileSync(file, 'utf8')
      // Their maps lead to sources that are not published.
      .replace(/^\/\/# sourceMappingURL=.*\n?/m, '')
      .replace(IMPORTED_FILE, (statement) => statement.replace(/\.[jt]s(?=['"])/, '.cjs'));
    writeFileSync(target, text);
  }
}

/** With the sources in it, but for comments, which are a fifth of them, imports and types: their lines stay. */
function smallMap(map, parseSync) {
  const sourcesContent = map.sources.map((name, at) => {
    const source = map.sourcesContent[at];
    let text = '';
    let from = 0;
    const { comments, program } = parseSync(name, source);
    const unused = program.body.filter((statement) => !isRun(statement));
    for (const { start, end } of [...comments, ...unused].toSorted((a, b) => a.start - b.start)) {
      // A comment within an omitted statement is gone already.
      if (start < from) continue;
      text += source.slice(from, start) + source.slice(start, end).replaceAll(/[^\n]/g, '');
      from = end;
    }
    return (text + source.slice(from)).replaceAll(/[ \t]+$/gm, '');
  });
  return mapOfLines({ ...map, sourcesContent });
}

/** Whether anything of a statement is in what is bundled: of imports and of types nothing is. */
function isRun({ type, declaration }) {
  return !['ImportDeclaration', 'TSInterfaceDeclaration', 'TSTypeAliasDeclaration'].includes(declaration?.type ?? type);
}

/** The ES module of an entry, and its declaration: the same names, of the same objects and types. */
function writeEntryModule(fileName, names) {
  const file = join(dist, fileName);
  const cjs = `./${basename(fileName)}`;
  writeFileSync(file.replace(/\.cjs$/, '.js'), `export { ${names.join(', ')} } from '${cjs}';\n`);
  writeFileSync(file.replace(/\.cjs$/, '.d.ts'), `export * from '${cjs}';\n`);
}

/** A file and what it imports or exports from other files of ours. */
function addDeclarations(file, needed) {
  if (needed.has(file)) return;
  needed.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(IMPORTED_FILE)) {
    addDeclarations(join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts')), needed);
  }
}
