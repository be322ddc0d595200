// Who is to blame: incidents of the fault library with known truth, seeds that nobody has looked at, and quiet hours
// without any fault. Beside it what simple rankings say of the same spans. `--first` and `--seeds` choose the seeds of
// each fault, `--only` some faults by a pattern, `--plain` takes status, kind and attributes away, `--sampling` keeps a
// share of the traces.
import { parseArgs } from 'node:util';
import { explainIncident, Vocabulary } from '@throughline/trace/insight';
import { loadFaultLibrary } from './insight/fault-library.mjs';
import { RIVALS } from './insight/rivals.mjs';
import { spanTable, tablesOf } from './insight/span-tables.mjs';
import { writeResults } from './sdk/results.mjs';

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '20' },
    traces: { type: 'string', default: '400' },
    sampling: { type: 'string', default: '1' },
    plain: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    'quiet-hours': { type: 'string', default: '24' },
    'quiet-seeds': { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const first = Number(values.first);
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => first + at);
const options = { plain: values.plain, sampling: Number(values.sampling), tracesPerWindow: Number(values.traces) };
/** A quiet window of five minutes is compared with the half hour before it. */
const QUIET_BASELINE_WINDOWS = 6;
const QUIET_TRACES = 150;

const { faults, quietHours } = await loadFaultLibrary();
const rows = [];
const rivals = Object.fromEntries(Object.keys(RIVALS).map((name) => [name, { firstRight: 0, firstThreeRight: 0 }]));
let cpuMs = 0;
let spanCount = 0;
for (const fault of faults.filter(({ name }) => new RegExp(values.only).test(name))) {
  const row = {
    fault: fault.name,
    group: fault.group,
    incidents: 0,
    first: 0,
    firstThree: 0,
    operation: 0,
    operations: 0,
  };
  Object.assign(row, { found: 0, wrongAndSure: 0, nothing: 0 });
  for (const seed of seeds) judge(fault.generate(seed, options), row);
  rows.push(row);
}
const faulty = rows.filter(({ group }) => group !== 'no-fault');
const quiet = rows.filter(({ group }) => group === 'no-fault');
const alarms = quietAlarms();

console.log(`Incidents of the fault library, seeds ${first} to ${first + seeds.length - 1} of each:`);
console.table(rows.map(({ group, operations, ...row }) => ({ ...row, operations, group })));
const all = sumOf(faulty);
const none = sumOf(quiet);
const share = (part, whole) => (whole === 0 ? null : part / whole);
const figures = {
  incidents: all.incidents,
  first: share(all.first, all.incidents),
  firstThree: share(all.firstThree, all.incidents),
  wrongAndSure: share(all.wrongAndSure, all.incidents),
  found: share(all.found, all.incidents),
  operation: share(all.operation, all.operations),
  withoutFault: none.incidents,
  falseAlarms: none.wrongAndSure,
  quiet: alarms,
  cpuMsOf100000Spans: (cpuMs / spanCount) * 100_000,
};
console.table([{ ...figures, quiet: undefined }]);
console.log('Simple rankings, of the same spans:');
const ranked = Object.entries(rivals).map(([name, { firstRight, firstThreeRight }]) => ({
  rival: name,
  first: share(firstRight, all.incidents),
  firstThree: share(firstThreeRight, all.incidents),
}));
console.table(ranked);
console.log('Quiet hours, "found" in windows of five minutes:');
console.table(alarms);
const goals = [
  goal('right service first', figures.first, '>=', 0.8),
  goal('right service in the first three', figures.firstThree, '>=', 0.92),
  goal('wrong and sure', figures.wrongAndSure, '<=', 0.05),
  goal('right operation', figures.operation, '>=', 0.7),
  ...alarms.map(({ sampling, hours, found }) =>
    goal(`"found" in ${hours} quiet hours, sampling ${sampling}`, found, '<=', 1),
  ),
];
console.table(goals);
writeResults(values.json, {
  options,
  seeds: { first, count: seeds.length },
  figures,
  goals,
  rivals: ranked,
  faults: rows,
});

function judge(incident, row) {
  const tables = tablesOf(incident);
  const from = process.cpuUsage();
  const { conclusion, suspects } = explainIncident(tables.before, tables.during);
  cpuMs += process.cpuUsage(from).user / 1000;
  spanCount += incident.spans.length;
  row.incidents++;
  const { truth } = incident;
  if (truth.conclusion === 'nothing-unusual') {
    if (conclusion === 'found') row.wrongAndSure++;
    else row.nothing++;
    return;
  }
  const isRight = (suspect) =>
    suspect !== undefined && namesOf(suspect, incident).some((name) => truth.services.includes(name));
  const [suspect] = suspects;
  if (isRight(suspect)) row.first++;
  if (suspects.slice(0, 3).some(isRight)) row.firstThree++;
  if (conclusion === 'found') {
    if (isRight(suspect)) row.found++;
    else row.wrongAndSure++;
  }
  if (truth.operations.length > 0) {
    row.operations++;
    if (isRight(suspect) && truth.operations.includes(suspect.operation)) row.operation++;
  }
  for (const [name, rank] of Object.entries(RIVALS)) {
    const services = rank(tables);
    if (truth.services.includes(services[0])) rivals[name].firstRight++;
    if (services.slice(0, 3).some((service) => truth.services.includes(service))) rivals[name].firstThreeRight++;
  }
}

/** A peer without spans has several names: that of the API, and those that its callers' spans give it. */
function namesOf({ service, evidence }, { spans }) {
  const ids = new Set(evidence.flatMap(({ spanIds }) => spanIds));
  const isService = spans.some((span) => span.service === service);
  if (isService) return [service];
  return [
    service,
    ...spans.filter(({ spanId }) => ids.has(spanId)).flatMap(({ attributes }) => Object.values(attributes)),
  ];
}

function quietAlarms() {
  const hours = Number(values['quiet-hours']);
  if (hours === 0) return [];
  return [1, 0.01].flatMap((sampling) =>
    Array.from({ length: Number(values['quiet-seeds']) }, (_, at) => {
      const alarm = { sampling, seed: first + at, hours, windows: 0, found: 0, notEnoughEvidence: 0 };
      const past = [];
      // At 1 % as many traces are left as are read of more traffic.
      const tracesPerWindow = sampling === 1 ? QUIET_TRACES : QUIET_TRACES * 20;
      for (const { window, spans } of quietHours(first + at, hours, { tracesPerWindow, sampling })) {
        if (past.length === QUIET_BASELINE_WINDOWS) {
          const vocabulary = new Vocabulary();
          const before = spanTable(past.flat(), vocabulary, window.fromUnixNano);
          const { conclusion } = explainIncident(before, spanTable(spans, vocabulary, window.fromUnixNano));
          alarm.windows++;
          if (conclusion === 'found') alarm.found++;
          if (conclusion === 'not-enough-evidence') alarm.notEnoughEvidence++;
          past.shift();
        }
        past.push(spans);
      }
      return alarm;
    }),
  );
}

function sumOf(some) {
  const sum = { incidents: 0, first: 0, firstThree: 0, operation: 0, operations: 0, found: 0, wrongAndSure: 0 };
  for (const row of some) for (const name of Object.keys(sum)) sum[name] += row[name];
  return sum;
}

function goal(name, measured, relation, wanted) {
  return {
    goal: name,
    wanted: `${relation} ${wanted}`,
    measured,
    isMet: relation === '<=' ? measured <= wanted : measured >= wanted,
  };
}
