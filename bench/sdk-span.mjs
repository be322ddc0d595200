/**
 * What a span costs the application: CPU time of the whole process (garbage collection included) and bytes allocated, ours
 * and the standard SDK's in turn, each in a process of its own.
 * `node bench/sdk-span.mjs [--json FILE] [--rounds N] [--case TEXT]`, after `npm run build`; the Node that runs it is the one measured.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, writeResults } from './sdk/results.mjs';
import { CASES } from './sdk/rivals.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    case: { type: 'string', default: '' },
  },
});
const ROUNDS = Number(values.rounds);
const WARM_UP_ROUNDS = 10;
/**
 * As many as 512-span batches fill: the last batch of the standard SDK is serialised within its round. So many that what a process pays for
 * having waited while the other ran, with caches that are the other's by now, does not count: rounds a quarter as long made ours 10 % dearer.
 */
const SPANS_PER_ROUND = 163_840;
const SPANS_COUNTED = 20_480;
const worker = fileURLToPath(new URL('./sdk/worker.mjs', import.meta.url));

/** `execArgv` for counting bytes: a young generation so large that nothing is collected while it is looked at. */
const NO_COLLECTION = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256'];

async function start(rival, name, execArgv = []) {
  const child = fork(worker, [rival, name], { execArgv });
  await once(child, 'message');
  return {
    async run(spans, countBytes = false) {
      child.send({ spans, countBytes });
      return (await once(child, 'message'))[0];
    },
    stop: () => child.disconnect(),
  };
}

async function cpuOf(name) {
  const workers = { standard: await start('standard', name), throughline: await start('throughline', name) };
  const samples = { standard: [], throughline: [] };
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const rival of Object.keys(samples)) {
      const { cpuNs, encoded } = await workers[rival].run(SPANS_PER_ROUND);
      const expected = CASES[name].sampled ? (round + WARM_UP_ROUNDS + 1) * SPANS_PER_ROUND : 0;
      if (encoded !== expected) throw new Error(`${rival} encoded ${encoded} of ${expected} spans: ${name}`);
      if (round >= 0) samples[rival].push(Math.round(cpuNs));
    }
  }
  for (const each of Object.values(workers)) each.stop();
  return samples;
}

async function bytesOf(name) {
  const bytes = {};
  for (const rival of ['standard', 'throughline']) {
    const each = await start(rival, name, NO_COLLECTION);
    // Compiled code is what is measured, as in a service that has run for a while.
    for (let round = 0; round < 5; round++) await each.run(SPANS_COUNTED, true);
    const { heapBytes, collections } = await each.run(SPANS_COUNTED, true);
    if (collections > 0) throw new Error(`garbage was collected while the bytes of ${rival} were counted: ${name}`);
    bytes[rival] = Math.round(heapBytes);
    each.stop();
  }
  return bytes;
}

const results = [];
for (const name of Object.keys(CASES).filter((each) => each.includes(values.case))) {
  const samples = await cpuOf(name);
  const bytes = await bytesOf(name);
  const cpuNs = { standard: median(samples.standard), throughline: median(samples.throughline) };
  results.push({
    name,
    cpuNs,
    cpuTimesLess: cpuNs.standard / cpuNs.throughline,
    bytes,
    bytesTimesLess: bytes.standard / bytes.throughline,
    samples,
  });
}

console.table(
  Object.fromEntries(
    results.map(({ name, cpuNs, cpuTimesLess, bytes, bytesTimesLess }) => [
      name,
      {
        'standard, CPU ns': cpuNs.standard,
        'throughline, CPU ns': cpuNs.throughline,
        'times less': Number(cpuTimesLess.toFixed(1)),
        'standard, bytes': bytes.standard,
        'throughline, bytes': bytes.throughline,
        'times fewer': Number(bytesTimesLess.toFixed(1)),
      },
    ]),
  ),
);
writeResults(values.json, { rounds: ROUNDS, spansARound: SPANS_PER_ROUND, results });
