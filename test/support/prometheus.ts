export interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

/**
 * Reads the Prometheus text format (version 0.0.4), as strict as its description: each metric's HELP and TYPE once and
 * before its samples, the samples together, no series twice, labels escaped, buckets that add up. Throws otherwise.
 */
export function parseMetrics(text: string): Map<string, Metric> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const metrics = new Map<string, Metric & { samples: Sample[] }>();
  const series = new Set<string>();
  let current: (Metric & { samples: Sample[] }) | null = null;
  let help: { name: string; text: string } | null = null;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, helped, words] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    if (helped !== undefined) {
      if (metrics.has(helped)) throw new Error(`${helped} has two HELP lines`);
      if (/\\(?![\\n])/.test(words ?? '')) throw new Error(`bad escape: ${line}`);
      help = { name: helped, text: words ?? '' };
      continue;
    }
    const [, typed, type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed !== undefined) {
      if (!METRIC_NAME.test(typed) || !TYPES.includes(type)) throw new Error(`no metric: ${line}`);
      if (metrics.has(typed)) throw new Error(`${typed} stands in two places`);
      current = { name: typed, type, help: help?.name === typed ? help.text : '', samples: [] };
      metrics.set(typed, current);
      continue;
    }
    if (line.startsWith('#')) continue;
    const sample = parseSample(line);
    const suffixes = SUFFIXES[current?.type ?? ''] ?? [''];
    if (current === null || !suffixes.some((suffix) => sample.name === current?.name + suffix)) {
      throw new Error(`not below its TYPE line: ${line}`);
    }
    const identity = `${sample.name} ${sorted([...sample.labels])}`;
    if (series.has(identity)) throw new Error(`twice: ${line}`);
    series.add(identity);
    current.samples.push(sample);
  }
  for (const metric of metrics.values()) if (metric.type === 'histogram') checkHistogram(metric);
  return metrics;
}

function parseSample(line: string): Sample {
  const [, name = '', inside, value = ''] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/.exec(line) ?? [];
  if (name === '') throw new Error(`no sample: ${line}`);
  const isNumber = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/.test(value);
  if (!isNumber) throw new Error(`no number: ${line}`);
  return { name, labels: parseLabels(inside ?? '', line), value: Number(value.replace('Inf', 'Infinity')) };
}

function parseLabels(inside: string, line: string): Map<string, string> {
  const labels = new Map<string, string>();
  const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
  while (label.lastIndex < inside.length) {
    const [, name = '', value = ''] = label.exec(inside) ?? [];
    if (name === '' || labels.has(name)) throw new Error(`bad labels: ${line}`);
    labels.set(
      name,
      value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    );
  }
  return labels;
}

/** Cumulative buckets up to +Inf, which is the count, for every set of labels. */
function checkHistogram({ name, samples }: Metric): void {
  const sets = new Map<string, { bounds: [number, number][]; count?: number; sum?: number }>();
  for (const { name: sample, labels, value } of samples) {
    const key = sorted([...labels].filter(([label]) => label !== 'le'));
    const set = sets.get(key) ?? { bounds: [] };
    sets.set(key, set);
    if (sample.endsWith('_bucket'))
      set.bounds.push([Number((labels.get('le') ?? '').replace('Inf', 'Infinity')), value]);
    else if (sample.endsWith('_count')) set.count = value;
    else set.sum = value;
  }
  for (const [key, { bounds, count, sum }] of sets) {
    const isRising = bounds.every(([bound, value], index) => {
      const [before, fewer] = bounds[index - 1] ?? [Number.NEGATIVE_INFINITY, 0];
      return bound > before && value >= fewer;
    });
    const last = bounds.at(-1);
    if (!isRising || last?.[0] !== Number.POSITIVE_INFINITY || last[1] !== count || sum === undefined) {
      throw new Error(`the buckets of ${name}${key} do not add up`);
    }
  }
}

function sorted(labels: readonly (readonly [string, string])[]): string {
  return JSON.stringify(labels.toSorted(([a], [b]) => a.localeCompare(b)));
}

/** The value of one series of a collector; NaN where it has no such series. */
export async function metricOf(
  { apiUrl }: { readonly apiUrl: string },
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metrics = parseMetrics(await (await fetch(`${apiUrl}/metrics`)).text());
  const sample = metrics
    .get(name)
    ?.samples.find((candidate) =>
      Object.entries(labels).every(([label, value]) => candidate.labels.get(label) === value),
    );
  return sample?.value ?? Number.NaN;
}
