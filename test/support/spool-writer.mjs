/**
 * A process that does with a spool what a collector does, until it is killed or has done its rounds. On standard output: what it found at
 * the start (`found N`), what is durable (`durable N`), and, when it has closed the spool, `closed`. Blocks are `<N:…>`. What it takes out
 * of the spool stands in the file `taken` before it lets the segment go.
 */
import { appendFileSync, readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Spool } from '../../packages/server/dist/spool/spool.js';

const ofServer = createRequire(new URL('../../packages/server/package.json', import.meta.url));
const { pino } = ofServer('pino');
const { Registry } = ofServer('prom-client');

const [, , directory = '', taken = '', first = '0', rounds = '0'] = process.argv;
const say = (line) => writeSync(1, `${line}\n`);

const spool = new Spool({
  directory,
  log: pino({ level: 'silent' }),
  registry: new Registry(),
  limits: { segmentRowsMax: 3, segmentAgeMs: 5, holdMs: 0, diskReserveBytes: 0 },
});
await spool.open();
for (const { path } of spool.sealed) for (const number of numbersIn(path)) say(`found ${number}`);
for (const name of spool.status.quarantinedSegments) say(`rejected ${name}`);

const loading = load();
for (let round = 0; round < Number(rounds); round++) {
  const number = Number(first) + round;
  const block = Buffer.from(`<${number}:${'x'.repeat((number * 797) % 3_000)}>`);
  const { kind } = await spool.append(block, 1);
  if (kind === 'durable') say(`durable ${number}`);
}
await spool.close();
await loading;
await spool.close();
say('closed');

async function load() {
  for (;;) {
    const segment = await spool.nextSealed(new AbortController().signal);
    if (segment === null) return;
    appendFileSync(
      taken,
      numbersIn(segment.path)
        .map((number) => `${number}\n`)
        .join(''),
    );
    await spool.release(segment);
  }
}

function numbersIn(path) {
  return [...readFileSync(path, 'latin1').matchAll(/<(\d+):x*>/g)].map(([, number]) => Number(number));
}
