// What dashboards and simple scripts do: rank services by how much one figure of theirs grew.

/** Names of services, the likeliest first. */
export const RIVALS = {
  'growth of mean duration': (tables) => ranked(tables, meanDuration),
  'growth of exclusive time a trace': (tables) => ranked(tables, exclusiveTime),
  'growth of errors': (tables) => ranked(tables, errorShare),
};

function ranked({ before, during }, measure) {
  const usual = measure(before);
  const now = measure(during);
  return [...now]
    .map(([service, value]) => ({ service, growth: value - (usual.get(service) ?? 0) }))
    .toSorted((a, b) => b.growth - a.growth)
    .map(({ service }) => before.vocabulary.services.textOf(service));
}

function meanDuration(table) {
  return perService(table, (span) => table.durationNs[span], 'spans');
}

function errorShare(table) {
  return perService(table, (span) => (table.failure[span] === 0 ? 0 : 1), 'spans');
}

function exclusiveTime(table) {
  const own = table.durationNs.slice();
  for (let span = 0; span < table.count; span++) {
    const parent = table.parent[span];
    if (parent >= 0) own[parent] -= table.durationNs[span];
  }
  return perService(table, (span) => Math.max(0, own[span]), 'traces');
}

function perService(table, valueOf, of) {
  const sums = new Map();
  const counts = new Map();
  for (let span = 0; span < table.count; span++) {
    const { service } = table.vocabulary.operations[table.operation[span]];
    sums.set(service, (sums.get(service) ?? 0) + valueOf(span));
    counts.set(service, (counts.get(service) ?? 0) + 1);
  }
  const traces = Math.max(1, table.traceIds.length);
  return new Map([...sums].map(([service, sum]) => [service, sum / (of === 'traces' ? traces : counts.get(service))]));
}
