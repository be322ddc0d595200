/**
 * What a span costs from its start to the wire: CPU of a process that makes 30,000 spans a second with 5 attributes and sends them, ours, the
 * standard SDK's and dd-trace's in turn, by default and with 512 and 100 spans a request, over that of one
 * without a tracer, each to a sink in a process of its own. `node bench/sdk-wire.mjs [--json FILE] [--rounds N]
 * [--dd-trace PATH] [--standard-3 PATH]`; neither dd-trace nor the 3.x line of the standard SDK is a dependency: install them elsewhere (`sdk/exporting.mjs`) and name dd-trace's
 * folder and the one where the others are installed, here or in `DD_TRACE_PATH` and `STANDARD_3_PATH`.
 */
import { parseArgs } from 'node:util';
import { median, writeResults } from './sdk/results.mjs';
import { overTheWire } from './sdk/wire.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    'dd-trace': { type: 'string', default: process.env.DD_TRACE_PATH ?? '' },
    'standard-3': { type: 'string', default: process.env.STANDARD_3_PATH ?? '' },
  },
});
const RATE = 30_000;
const SECONDS = 5;
const ddTrace = values['dd-trace'];
const standard3 = values['standard-3'];
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
  ...(standard3 === '' ? [] : [['standard 3', 0]]),
  ...(ddTrace === '' ? [] : [['dd-trace', 0]]),
].map(([rival, batchSpans]) => ({ rival, batchSpans, runs: [] }));
if (ddTrace === '') console.log('dd-trace is skipped: no --dd-trace PATH and no DD_TRACE_PATH');
if (standard3 === '') console.log('the standard SDK 3.x is skipped: no --standard-3 PATH and no STANDARD_3_PATH');

for (let round = 0; round < Number(values.rounds); round++) {
  for (const { rival, batchSpans, runs } of rows) {
    const result = await overTheWire(rival, { rate: RATE, seconds: SECONDS, ddTrace, standard3, batchSpans });
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
