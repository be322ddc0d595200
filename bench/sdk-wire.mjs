/**
 * What a span costs from its start to the wire: CPU of a process that makes 30,000 spans a second with 5 attributes and sends them, ours, the
 * standard SDK's and dd-trace's in turn, over that of one
 * without a tracer, each to a sink in a process of its own. `node bench/sdk-wire.mjs [--json FILE] [--rounds N]
 * [--dd-trace PATH]`; dd-trace is not a dependency: install it elsewhere and name its folder, here or in `DD_TRACE_PATH`.
 */
import { parseArgs } from 'node:util';
import { median, writeResults } from './sdk/results.mjs';
import { overTheWire } from './sdk/wire.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    'dd-trace': { type: 'string', default: process.env.DD_TRACE_PATH ?? '' },
  },
});
const RATE = 30_000;
const SECONDS = 5;
const ddTrace = values['dd-trace'];
const rivals = ['none', 'standard', 'throughline', ...(ddTrace === '' ? [] : ['dd-trace'])];
if (ddTrace === '') console.log('dd-trace is skipped: no --dd-trace PATH and no DD_TRACE_PATH');

const runs = Object.fromEntries(rivals.map((rival) => [rival, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const rival of rivals) {
    const result = await overTheWire(rival, { rate: RATE, seconds: SECONDS, ddTrace });
    const sent = result.spans + result.warmUp;
    if (!['none', 'dd-trace'].includes(rival) && result.seen.spans !== sent) {
      throw new Error(`${rival} made ${sent} spans and ${result.seen.spans} arrived: its figures are too good`);
    }
    runs[rival].push(result);
  }
}
/** Waking a hundred times a second costs a process something without any tracer: that is taken off. */
const untracedUs = median(runs.none.map(({ cpuUs }) => cpuUs));
const results = rivals.slice(1).map((rival) => ({
  rival,
  cpuUsASpan: median(runs[rival].map(({ cpuUs }) => cpuUs)) - untracedUs,
  rssMaxMb: median(runs[rival].map(({ rssMaxMb }) => rssMaxMb)),
  requests: median(runs[rival].map(({ seen }) => seen.requests)),
  runs: runs[rival],
}));
const own = results.find(({ rival }) => rival === 'throughline').cpuUsASpan;
console.table(
  results.map(({ rival, cpuUsASpan, rssMaxMb, requests }) => ({
    rival,
    'CPU µs a span': Number(cpuUsASpan.toFixed(2)),
    'times ours': Number((cpuUsASpan / own).toFixed(1)),
    'RSS MB': rssMaxMb,
    requests,
  })),
);
writeResults(values.json, { rate: RATE, seconds: SECONDS, untracedUs, results });
