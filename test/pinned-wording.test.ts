import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pinnedWording } from './support/pinned-wording.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const WHAT_TO_DO =
  'Hold what does not change with the wording (code, setting, path, number, at most four words in a row), or put the ' +
  'message into the golden file of its subject: see "Tests" in CONTRIBUTING.md';

/** Sentences that are not ours to change, and where they come from. */
const ALLOWED: Readonly<Record<string, string>> = {
  'the quick brown fox jumps over the lazy dog': 'what a body of a foreign encoder holds',
};

function filesNamed(pattern: RegExp): string[] {
  return ['test', 'packages', 'examples']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
    )
    .filter((path) => pattern.test(path) && !/(?:^|\/)(?:node_modules|dist)\//.test(path));
}

describe('tests', () => {
  it('hold no sentence of ours outside of golden files', () => {
    const files = filesNamed(/\.(?:test|contract)\.tsx?$/);
    expect(files.length).toBeGreaterThan(300);
    const found = files.flatMap((file) =>
      pinnedWording(readFileSync(join(root, file), 'utf8'), file)
        .filter(({ words }) => !(words in ALLOWED))
        .map(({ line, words }) => `${file}:${line} ${words}`),
    );
    expect(found, WHAT_TO_DO).toEqual([]);
  });

  it('compare every golden file with something', () => {
    const unused = filesNamed(/\.golden\.txt$/).filter((golden) => {
      const folder = join(root, dirname(golden));
      const tests = readdirSync(folder).filter((name) => /\.test\.tsx?$/.test(name));
      return !tests.some((name) => readFileSync(join(folder, name), 'utf8').includes(`('${basename(golden)}')`));
    });
    expect(unused.map((golden) => relative(root, join(root, golden)))).toEqual([]);
  });
});

describe('a sentence is found', () => {
  it.each([
    ['in a matcher', `expect(a).toBe('the disk of the store is full');`],
    ['in an error', `await expect(a).rejects.toThrow(new Error('the disk of the store is full'));`],
    ['deep in a value', `expect(a).toMatchObject([{ b: { message: 'no: the disk of the store is full' } }]);`],
    ['in a pattern', String.raw`expect(a).toMatch(/^\d+ times the disk of the store is full\.$/);`],
    ['in a template', 'expect(a).toEqual([`${path}: the disk of the store is full`]);'],
    ['in an asymmetric matcher', `const b: unknown = expect.stringContaining('the disk of the store is full');`],
    ['in a constant', `const full = 'the disk of the store is full'; expect(a).toBe(full);`],
    ['in a table', `it.each([[1, 'the disk of the store is full']])('%s', (n, why) => expect(f(n)).toBe(why));`],
    [
      'in a named table of objects',
      `const T = [{ n: 1, why: 'the disk of the store is full' }] as const;
       for (const { n, why } of T) it(String(n), () => expect(f(n)).toThrow(why));`,
    ],
    [
      'in a call of a helper',
      `const check = (why: string) => { expect(a).toContain(why); }; check('the disk of the store is full');`,
    ],
    ['in a search', `await eventually(() => log.includes('the disk of the store is full'));`],
    ['in a comparison', `const b = lines.filter(({ msg }) => msg === 'the disk of the store is full');`],
    [
      'in what a browser looks for',
      `await page.getByRole('heading', { name: 'the disk of the store is full' }).click();`,
    ],
  ])('%s', (_, source) => {
    expect(pinnedWording(`\n${source}`, 'a.test.ts')).toMatchObject([{ line: 2 }]);
  });
});

describe('no sentence is found', () => {
  it.each([
    ['in the name of a test', `it('says that the disk of the store is full', () => { expect(a).toBe(1); });`],
    ['in what the code is given', `expect(f('the disk of the store is full')).toBe(1);`],
    ['in what comes back', `const why = 'the disk of the store is full'; expect(f(why)).toBe(why);`],
    ['in a table of inputs', `it.each([['the disk of the store is full', 1]])('%s', (a, n) => expect(f(a)).toBe(n));`],
    ['in a few words', `expect(a).toThrow(/^--port: the disk is full .* THROUGHLINE_PORT$/);`],
    ['in SQL', `expect(a).toBe('SELECT name FROM system.tables WHERE database = 1 AND active');`],
  ])('%s', (_, source) => {
    expect(pinnedWording(source, 'a.test.ts')).toEqual([]);
  });
});
