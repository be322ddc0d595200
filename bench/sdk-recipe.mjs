/**
 * The recipe of OpenTelemetry's specification for the performance of an SDK (performance-benchmark.md): spans a second that one core makes and exports, with ten attributes
 * of two strings of 20 characters each; and CPU and heap at 10,000 spans a second for 15 seconds, sent in batches and one by one. Ours and the standard SDK's in turn, each process held to one
 * core (`taskset`, where there is one), the sink on another. `node bench/sdk-recipe.mjs [--json FILE] [--rounds N] [--seconds N] [--standard-3 PATH]`, the last as `sdk-wire.mjs` has it.
 */
import { execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { writeResults } from './sdk/results.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '15' },
    'standard-3': { type: 'string', default: process.env.STANDARD_3_PATH ?? '' },
  },
});
const standard3 = values['standard-3'];
if (standard3 === '') console.log('the standard SDK 3.x is skipped: no --standard-3 PATH and no STANDARD_3_PATH');
const run = promisify(execFile);
const path = (file) => fileURLToPath(new URL(file, import.meta.url));
const isPinned = canPin();

function canPin() {
  try {
    execFileSync('taskset', ['-c', '0', 'true']);
    return true;
  } catch {
    return false;
  }
}

const RIVALS = ['throughline', 'standard', ...(standard3 === '' ? [] : ['standard 3'])];
const CASES = [
  { name: 'as many as one core exports', rate: 0, processor: 'batch' },
  { name: '10,000 spans/s in batches', rate: 10_000, processor: 'batch' },
  { name: '10,000 spans/s one by one', rate: 10_000, processor: 'simple' },
];
const rows = CASES.flatMap((each) => RIVALS.map((rival) => ({ ...each, rival, runs: [] })));

const sink = fork(path('sdk/plain-sink.mjs'), [], { execArgv: [] });
const [{ port }] = await once(sink, 'message');
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { rival, rate, processor, runs } of rows) {
    const worker = [path('sdk/recipe-worker.mjs'), rival, port, rate, values.seconds, processor, standard3].map(String);
    const [command, args] = isPinned
      ? ['taskset', ['-c', '0', process.execPath, ...worker]]
      : [process.execPath, worker];
    const { stdout } = await run(command, args);
    runs.push(JSON.parse(stdout.trim().split('\n').at(-1)));
  }
}
sink.disconnect();

/** As the recipe wants it. */
function statistics(numbers) {
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(1, numbers.length - 1);
  return { mean, stdDev: Math.sqrt(variance) };
}
const results = rows.map(({ runs, ...row }) => ({
  ...row,
  ...Object.fromEntries(Object.keys(runs[0]).map((figure) => [figure, statistics(runs.map((each) => each[figure]))])),
  runs,
}));
const shown = (figure, digits) => figure && `${figure.mean.toFixed(digits)} ± ${figure.stdDev.toFixed(digits)}`;
console.table(
  results.map((row) => ({
    case: row.name,
    rival: row.rival,
    'spans/s exported': shown(row.exportedPerSecond ?? row.spansPerSecond, 0),
    'CPU µs a span': shown(row.cpuUsASpan, 2),
    'CPU of a core, %': row.cpuMean && (row.cpuMean.mean * 100).toFixed(1),
    'peak, %': row.cpuPeak && (row.cpuPeak.mean * 100).toFixed(1),
    'heap MB, peak': shown(row.heapPeakMb, 1),
  })),
);
writeResults(values.json, { seconds: Number(values.seconds), rounds: Number(values.rounds), isPinned, results });
