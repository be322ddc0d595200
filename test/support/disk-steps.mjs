/** Does steps with files, given as JSON: `[["write", "a", "text"], ["sync", "a"], …]`, paths relative to the folder given first. Prints what each ended in. */
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { writeSync } from 'node:fs';
import { join } from 'node:path';

const [, , folder = '', steps = '[]'] = process.argv;
const at = (path) => join(folder, path);

function withFile(path, flags, use) {
  const file = openSync(at(path), flags);
  try {
    use(file);
  } finally {
    closeSync(file);
  }
}

const DO = {
  write: (path, text) => withFile(path, 'w', (file) => writeSync(file, text)),
  append: (path, text) => withFile(path, 'a', (file) => writeSync(file, text)),
  read: (path) => withFile(path, 'r', (file) => readSync(file, Buffer.alloc(1))),
  truncate: (path, length) => withFile(path, 'r+', (file) => ftruncateSync(file, length)),
  sync: (path) => withFile(path, 'r', (file) => fsyncSync(file)),
  rename: (from, to) => renameSync(at(from), at(to)),
  copy: (from, to) => copyFileSync(at(from), at(to)),
  link: (from, to) => linkSync(at(from), at(to)),
  unlink: (path) => unlinkSync(at(path)),
  rmdir: (path) => rmdirSync(at(path)),
  mkdir: (path) => mkdirSync(at(path)),
};

for (const [what, ...rest] of JSON.parse(steps)) {
  let end = 'ok';
  try {
    DO[what](...rest);
  } catch (error) {
    end = error.code;
  }
  writeSync(1, `${end}\n`);
}
