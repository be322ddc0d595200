/**
 * A process that does with segments of request metrics what a collector does behind their insert, until it is killed or has done its rounds:
 * each is kept in the journal and let go then. On standard output: what is durable in the spool (`durable N`), what is kept (`kept N`), what
 * of the journal is about to be removed (`removed N`), and `closed`.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Journal } from '../../packages/server/dist/counts/journal.js';

const [, , directory = '', first = '0', rounds = '0'] = process.argv;
const say = (line) => writeSync(1, `${line}\n`);
const spool = join(directory, 'spool');
const RECORDS_MAX = 6;

mkdirSync(spool, { recursive: true });
for (const path of [dirname(directory), directory, spool]) sync(path);
const journal = new Journal(join(directory, 'journal'));
await journal.open();
sync(directory);
for (const name of readdirSync(spool).toSorted()) {
  // What never was durable is no segment: a spool cuts it off.
  if (readFileSync(join(spool, name), 'latin1') === textOf(Number(name))) await keep(Number(name));
  else unlinkSync(join(spool, name));
}
for (let number = Number(first); number < Number(first) + Number(rounds); number++) {
  const file = openSync(join(spool, String(number)), 'wx');
  writeSync(file, textOf(number));
  fsyncSync(file);
  closeSync(file);
  sync(spool);
  say(`durable ${number}`);
  await keep(number);
}
say('closed');

async function keep(number) {
  const path = join(spool, String(number));
  // As the loader does; a fault ends by itself.
  while (!(await isKept(path, number))) continue;
  say(`kept ${number}`);
  unlinkSync(path);
  if (journal.paths.length < RECORDS_MAX) return;
  const gone = journal.paths.slice(0, RECORDS_MAX / 2);
  for (const each of gone) say(`removed ${/-(\d+)\.records$/.exec(each)?.[1]}`);
  await journal.remove(gone);
}

async function isKept(path, number) {
  try {
    await journal.keep(path, String(number), number);
    return true;
  } catch {
    return false;
  }
}

/** As the test expects it. */
function textOf(number) {
  return `<${number}:${'x'.repeat((number * 797) % 3_000)}>`;
}

function sync(path) {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}
