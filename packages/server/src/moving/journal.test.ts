import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from './journal.ts';
import type { FilledSlice } from './slices.ts';

const SLICE: FilledSlice = { from: 1_795_000_000, seconds: 64, part: 0, parts: 1, spans: 7, digest: 12n };

let folder = '';
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'throughline-journal-'));
  path = join(folder, 'journal');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function reopened(before: Journal): Promise<Journal> {
  await before.close();
  return await Journal.open(path);
}

test('a slice is done as long as it holds the same spans', async () => {
  let journal = await Journal.open(path);
  expect(journal.isDone(SLICE)).toBe(false);
  await journal.done(SLICE);
  for (let opened = 0; opened < 2; opened++) {
    expect(journal.isDone(SLICE)).toBe(true);
    expect(journal.isDone({ ...SLICE, digest: 13n })).toBe(false);
    expect(journal.isDone({ ...SLICE, seconds: 32 })).toBe(false);
    journal = await reopened(journal);
  }
  await journal.again(SLICE);
  expect(journal.isDone(SLICE)).toBe(false);
  journal = await reopened(journal);
  expect(journal.isDone(SLICE)).toBe(false);
  await journal.close();
});

test('an insert is in doubt until it has ended, and its arrival is not given again', async () => {
  let journal = await Journal.open(path);
  await journal.begin('first', 100);
  await journal.begin('second', 200);
  await journal.end('second');
  journal = await reopened(journal);
  expect([...journal.inDoubt]).toEqual([['first', 100]]);
  expect(journal.lastArrival).toBe(200);
  await journal.end('first');
  journal = await reopened(journal);
  expect([...journal.inDoubt]).toEqual([]);
  expect(journal.lastArrival).toBe(200);
  await journal.close();
});

test('wherever the file is cut off, what was written before stands', async () => {
  const journal = await Journal.open(path);
  await journal.begin('first', 100);
  await journal.end('first');
  await journal.done(SLICE);
  await journal.close();
  const whole = readFileSync(path);
  const [begunTo, endedTo] = [whole.indexOf('\n') + 1, whole.lastIndexOf('{"done"')];
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const cut = await Journal.open(path);
    expect(cut.isDone(SLICE)).toBe(length === whole.length);
    expect(cut.inDoubt.size).toBe(length >= begunTo && length < endedTo ? 1 : 0);
    // What is appended now is read, whatever stands before it.
    await cut.begin('next', 300);
    const again = await reopened(cut);
    expect(again.inDoubt.get('next')).toBe(300);
    await again.close();
  }
});
