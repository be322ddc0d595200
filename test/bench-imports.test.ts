import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';

/** Writes, for each module that it is given, the names that it exports. */
const EXPORTS = `
const names = {};
for (const url of process.argv.slice(1)) names[url] = Object.keys(await import(url));
process.stdout.write(JSON.stringify(names));
process.exit();
`;

it('imports into the benchmarks only what the built packages export', () => {
  const imports = benchmarks().flatMap(importsOf);
  expect(imports.length).toBeGreaterThan(30);
  const exported = exportsOf([...new Set(imports.map(({ url }) => url))]);
  expect(imports.filter(({ url, name }) => exported[url]?.includes(name) !== true)).toEqual([]);
});

function benchmarks(): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', 'bench/*.mjs'];
  return execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean);
}

/** What a benchmark imports by name from our packages, at its top or later. */
function importsOf(file: string) {
  const statements =
    /import\s*\{([^}]*)\}\s*from\s*'([^']+)'|const\s*\{([^}]*)\}\s*=\s*await import\(\s*'([^']+)'\s*\)/g;
  return [...readFileSync(join(root, file), 'utf8').matchAll(statements)].flatMap(([, top, from, later, at]) => {
    const module = from ?? at!;
    if (!module.startsWith('@throughline/') && !module.includes('/dist/')) return [];
    const url = module.startsWith('.') ? new URL(module, pathToFileURL(join(root, file))).href : module;
    const names = (top ?? later!).split(',').map((name) => name.trim().split(/\s+as\s+|\s*:\s*/)[0]!);
    return names.filter(Boolean).map((name) => ({ file, name, url }));
  });
}

function exportsOf(urls: string[]): Record<string, string[]> {
  const args = ['--input-type=module', '--eval', EXPORTS, ...urls];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })) as Record<string, string[]>;
}
