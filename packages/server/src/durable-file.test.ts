import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copyToDurableFile, FileReplacement, replaceFile, replaceFileSync } from './durable-file.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'throughline-durable-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true }));

test('a file holds the old content until it holds the whole new one', async () => {
  await replaceFile(path, 'old');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const replacement = await FileReplacement.begin(path);
  for (const piece of ['one', Buffer.from('two'), 'three']) {
    await replacement.write(piece);
    expect(readFileSync(path, 'utf8')).toBe('old');
  }
  await replacement.commit();
  expect(readFileSync(path, 'utf8')).toBe('onetwothree');
  expect(readdirSync(directory)).toEqual(['file']);
});

test('what a killed process left in the middle is no obstacle', async () => {
  await replaceFile(path, 'old');
  writeFileSync(`${path}.temporary`, 'a longer half of something');
  await replaceFile(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(directory)).toEqual(['file']);
});

test.each([true, false])('a small file is replaced in one go (sync: %s)', (sync) => {
  replaceFileSync(path, 'old', { sync });
  replaceFileSync(path, 'new', { sync });
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(directory)).toEqual(['file']);
});

test('the new content may wait elsewhere until it is whole', async () => {
  const temporary = join(directory, 'elsewhere');
  mkdirSync(join(directory, 'of files'));
  const target = join(directory, 'of files', 'file');
  const replacement = await FileReplacement.begin(target, { temporary });
  await replacement.write('one');
  expect(readFileSync(temporary, 'utf8')).toBe('one');
  expect(readdirSync(join(directory, 'of files'))).toEqual([]);
  await replacement.commit();
  replaceFileSync(path, 'two', { temporary });
  expect([target, path].map((name) => readFileSync(name, 'utf8'))).toEqual(['one', 'two']);
  expect(readdirSync(directory).toSorted()).toEqual(['file', 'of files']);
});

test('a copy has its name when it is whole', async () => {
  writeFileSync(path, 'content');
  const copy = join(directory, 'copy');
  writeFileSync(`${copy}.temporary`, 'a longer half of another copy');
  await copyToDurableFile(path, copy);
  expect(readFileSync(copy, 'utf8')).toBe('content');
  await expect(copyToDurableFile(join(directory, 'missing'), copy)).rejects.toThrow('ENOENT');
  expect(readFileSync(copy, 'utf8')).toBe('content');
  expect(readdirSync(directory).toSorted()).toEqual(['copy', 'file']);
});

test('a failure is reported, and leaves nothing behind', async () => {
  mkdirSync(join(path, 'in the way'), { recursive: true });
  await expect(replaceFile(path, 'new')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(directory)).toEqual(['file']);
  await expect(replaceFile(join(directory, 'nowhere/file'), 'new')).rejects.toThrow('ENOENT');
  expect(() => replaceFileSync(path, 'new')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(directory)).toEqual(['file']);
});
