// Sampling in simulations: a virtual clock, seeds that stay, the SDK's and the collector's own code, and beside them the plain credit
// scheme and Jaeger's adaptive algorithm on the same arrivals. Only the cost of a decision is measured on the machine's clock.
import { parseArgs } from 'node:util';
import { simulateAdaptation } from './sampling/adaptation.mjs';
import { checkConsistency } from './sampling/consistency.mjs';
import { measureRequestMetrics, measureDecisions } from './sampling/decision.mjs';
import { simulateErrors } from './sampling/errors.mjs';
import { simulateLimiters } from './sampling/limiter.mjs';
import { writeResults } from './sdk/results.mjs';

const CONSISTENCY_IDS = 10_000_000;

const decisions = await measureDecisions();
const requestMetrics = await measureRequestMetrics();
const limiters = await simulateLimiters();
const adaptation = await simulateAdaptation();
const errors = await simulateErrors();
const disagreements = checkConsistency(CONSISTENCY_IDS);

console.log('\nA limiter of 100 spans a second under a surge of a hundredfold (multiples of the limit):');
console.table(limiters.map(rounded));
console.log('Until 10 traces a second of an operation are kept, after its traffic changed:');
console.table(adaptation.map(rounded));
console.log('Errors that rise from 0.1 to 5 % at 1000 requests a second:');
console.table(errors.map(rounded));
console.log('A decision, CPU ns:');
console.table(decisions.map(rounded));
console.log('An unsampled first span, CPU ns, with request metrics off and on, and one reading of the clock:');
console.table([rounded(requestMetrics)]);

const smooth = limiters.filter(({ limiter }) => limiter === 'smooth');
const single = smooth.filter(({ spansPerTrace }) => spansPerTrace === 1);
const remote = adaptation.filter(({ sampling }) => sampling === 'remote');
const remoteErrors = errors.find(({ sampling }) => sampling === 'remote');
const most = (cases, name) => Math.max(...cases.map((one) => Math.abs(one[name])));
const requestMetricsCost = requestMetrics.onNs - requestMetrics.offNs - 2 * requestMetrics.clockReadingNs;
const goals = [
  goal('limiter: worst sliding second, limits', most(single, 'worstSecond'), '<=', 2),
  goal('… with 8 spans a trace', most(smooth, 'worstSecond'), '<=', 2.7),
  goal('limiter: count bias', most(smooth, 'countBias'), '<=', 0.01),
  goal('limiter: utilisation', Math.min(...smooth.map(({ utilisation }) => utilisation)), '>=', 0.9),
  goal('adaptation to ±35 % after 100-fold up, down, cold, s', most(remote, 'settledAfterSeconds'), '<=', 15),
  goal('errors 0.1 → 5 %: first boosted trace after, s', remoteErrors.firstBoostedAfterSeconds, '<=', 6),
  goal(
    '… error traces a second after 15 s, of those wanted',
    remoteErrors.errorTracesPerSecondAfter15s / remoteErrors.wantedPerSecond,
    '>=',
    0.8,
  ),
  goal(`disagreements over ${CONSISTENCY_IDS.toLocaleString('en')} ids and thresholds`, disagreements, '<=', 0),
  goal('a decision by a share, CPU ns', decisions[0].nanoseconds, '<=', 50),
  goal(
    'the dearest decision of a policy, CPU ns',
    Math.max(...decisions.map(({ nanoseconds }) => nanoseconds)),
    '<=',
    50,
  ),
  goal('request metrics beside two clock readings, CPU ns', requestMetricsCost, '<=', 60),
];
console.log('Goals:');
console.table(goals.map(rounded));

const { values } = parseArgs({ options: { json: { type: 'string' } } });
writeResults(values.json, { limiters, adaptation, errors, decisions, requestMetrics, disagreements, goals });
if (goals.some(({ isMet }) => !isMet)) console.log('Some goals are not met.');

function goal(name, measured, relation, wanted) {
  return {
    goal: name,
    wanted: `${relation} ${wanted}`,
    measured,
    isMet: relation === '<=' ? measured <= wanted : measured >= wanted,
  };
}

function rounded(row) {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Array.isArray(value) ? value.join(' → ') : short(value)]),
  );
}

function short(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value;
}
