import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UI_PAGES } from '@throughline/trace/client';
import { expect, it } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = Object.values(UI_PAGES).flatMap((path) => /^\/(\w+)/.exec(path)?.[1] ?? []);
/** In a text or a template; what is imported has a dot or a name before it. */
const literal = new RegExp(`(?:['"\`}]/(?:${names.join('|')})(?![\\w-])|\\bhref="/")`);

it('no file names the path of a page, which uiPath knows', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file));
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => literal.test(readFileSync(join(folder, file), 'utf8')))).toEqual([]);
});

it.each(["navigate('/explore')", 'href={`/trace/${id}`}', '`${origin}/system?service=x`', '<Link href="/">'])(
  'that is what it is in %s',
  (text) => {
    expect(text).toMatch(literal);
  },
);
