/**
 * 200,000 spans a second for ten seconds into a sink that counts every span id: nothing may be dropped or sent twice, and memory stays
 * below 120 MB. `node bench/sdk-throughput.mjs [--json FILE] [--rate N] [--seconds N]`
 */
import { parseArgs } from 'node:util';
import { writeResults } from './sdk/results.mjs';
import { overTheWire } from './sdk/wire.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    rate: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '10' },
  },
});
const result = await overTheWire('throughline', {
  rate: Number(values.rate),
  seconds: Number(values.seconds),
  countIds: true,
});
const made = result.spans + result.warmUp;
const figures = {
  made,
  arrived: result.seen.spans,
  repeats: result.seen.repeats,
  dropped: result.stats.dropped,
  spansPerSecond: result.spansPerSecond,
  cpuUsASpan: Number(result.cpuUs.toFixed(2)),
  rssMaxMb: result.rssMaxMb,
};
console.log(figures);
writeResults(values.json, { results: figures });
if (figures.arrived !== made || figures.repeats > 0) process.exitCode = 1;
