/**
 * What a span costs from its start to the wire: CPU of a process that makes 30,000 spans a second with 5 attributes and sends them, ours, the
 * standard SDK's and dd-trace's in turn, by default and with 512 and 100 spans a request, over that of one
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
/** Each row: a rival and its spans a request, 0 for as many as 256 KiB hold. */
const rows = [
  ['none', 0],
  ['standard', 0],
  ['throughline', 0],
  ['throughline over node:http', 0],
  ['standard', 512],
  ['throughline', 512],
  ['standard', 100],
  ['throughline', 100],
  ...(ddTrace === '' ? [] : [['dd-trace', 0]]),
].map(([rival, batchSpans]) => ({ rival, batchSpans, runs: [] }));
if (ddTrace === '') console.log('dd-trace is skipped: no --dd-trace PATH and no DD_TRACE_PATH');

for (let round = 0; round < Number(values.rounds); round++) {
  for (const { rival, batchSpans, runs } of rows) {
    const result = await overTheWire(rival, { rate: RATE, seconds: SECONDS, ddTrace, batchSpans });
    const sent = result.spans + result.warmUp;
    if (!['none', 'dd-trace'].includes(rival) && result.seen.spans !== sent) {
      throw new Error(`${rival} made ${sent} spans and ${result.seen.spans} arrived: its figures are too good`);
    }
    runs.push(result);
  }
}
/** Waking a hundred times a second costs a process something without any tracer: that is taken off. */
const untracedUs = median(rows[0].runs.map(({ cpuUs }) => cpuUs));
const results = rows.slice(1).map(({ rival, batchSpans, runs }) => ({
  rival,
  batchSpans,
  cpuUsASpan: median(runs.map(({ cpuUs }) => cpuUs)) - untracedUs,
  rssMaxMb: median(runs.map(({ rssMaxMb }) => rssMaxMb)),
  requests: median(runs.map(({ seen }) => seen.requests)),
  runs,
}));
/** What a rival is compared with: ours with as many spans a request. */
const ownOf = (batchSpans) =>
  results.find((each) => each.rival === 'throughline' && each.batchSpans === batchSpans).cpuUsASpan;
console.table(
  results.map(({ rival, batchSpans, cpuUsASpan, rssMaxMb, requests }) => ({
    rival,
    'spans a request': batchSpans || 'as 256 KiB hold',
    'CPU µs a span': Number(cpuUsASpan.toFixed(2)),
    'times ours': Number((cpuUsASpan / ownOf(batchSpans)).toFixed(1)),
    'RSS MB': rssMaxMb,
    requests,
  })),
);
writeResults(values.json, { rate: RATE, seconds: SECONDS, untracedUs, results });
