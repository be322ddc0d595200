/**
 * What the analysis of one trace costs: tree and story of 100,000 and 1,000,000 spans, each shape in a process of its
 * own, and the memory that they keep beside the data as received. There is no rival: no other program tells a story.
 * `node bench/trace.mjs [--json FILE] [--rounds N] [--shapes NAME,…] [--counts N,…]`
 */
import { execFile } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { describeMachine } from './ingest/machine.mjs';
import { median, round } from './ingest/statistics.mjs';
import { writeFileSync } from 'node:fs';
import { SHAPES } from './trace/shapes.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    shapes: { type: 'string', default: Object.keys(SHAPES).join(',') },
    counts: { type: 'string', default: '100000,1000000' },
  },
});

/** Of CPU: the machine is shared, and waits for others are not ours. */
const CPU_MS_MAX = new Map([
  [100_000, 300],
  [1_000_000, 3_000],
]);
const BYTES_A_SPAN_MAX = 120;
/** A trace of more spans than this has one round after the first analysis: it is long enough by itself. */
const LARGE = 300_000;
const LARGE_ROUNDS = 1;

const analyse = fileURLToPath(new URL('./trace/analyse.mjs', import.meta.url));
const machine = await describeMachine();
const results = [];
for (const count of values.counts.split(',').map(Number)) {
  for (const shape of values.shapes.split(',')) {
    const flags = ['--expose-gc', '--max-old-space-size=8192'];
    const rounds = count > LARGE ? LARGE_ROUNDS : values.rounds;
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, analyse, shape, count, rounds]);
    const { rounds: measured, firstCpuMs, treeBytes, analysisBytes } = JSON.parse(stdout);
    const of = (name) => measured.map((one) => one[name]);
    const lowest = Math.min(...of('analysisCpuMs'));
    const result = {
      shape,
      spans: count,
      firstCpuMs: round(firstCpuMs, 0),
      medianCpuMs: round(median(of('analysisCpuMs')), 0),
      lowestCpuMs: round(lowest, 0),
      medianMs: round(median(of('analysisMs')), 0),
      treeCpuMs: round(median(of('treeCpuMs')), 0),
      pathCpuMs: round(median(of('pathCpuMs')), 0),
      storyCpuMs: round(median(of('storyCpuMs')), 0),
      treeBytesASpan: round(treeBytes, 1),
      bytesASpan: round(analysisBytes, 1),
      goals: {
        cpuMsMax: CPU_MS_MAX.get(count) ?? null,
        isCpuMet: median(of('analysisCpuMs')) <= (CPU_MS_MAX.get(count) ?? Infinity),
        bytesASpanMax: BYTES_A_SPAN_MAX,
        areBytesMet: analysisBytes <= BYTES_A_SPAN_MAX,
      },
      rounds: measured,
    };
    results.push(result);
    keep();
    const { goals } = result;
    console.log(
      `${shape.padEnd(9)} ${String(count).padStart(9)} spans: CPU ${result.medianCpuMs} ms (lowest ${result.lowestCpuMs}, first ` +
        `${result.firstCpuMs}; goal ${goals.cpuMsMax ?? '-'}: ${goals.isCpuMet ? 'reached' : 'missed'}); ` +
        `${result.bytesASpan} bytes a span (goal ${BYTES_A_SPAN_MAX}: ${goals.areBytesMet ? 'reached' : 'missed'})`,
    );
  }
}

/** After each trace, so that a run which is stopped has what it measured. */
function keep() {
  if (values.json === undefined) return;
  const kept = { command: 'node bench/trace.mjs', machine, unit: 'ms of CPU, all threads of the process', results };
  writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}
