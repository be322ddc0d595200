import { expect, test } from 'vitest';
import { criticalNs } from './analysis/critical-path.ts';
import { errorOrigins } from './analysis/error-origins.ts';
import { tellStory } from './story/tell-story.ts';
import { at } from './testing/a-trace.ts';
import { corpusTrace, type CorpusCase, readCorpus, type SpanName } from './testing/corpus.ts';
import { type Trace, traceFromOtlp } from './tree/trace.ts';

const corpus = readCorpus();

test('the corpus holds eighty traces and more, each with a name of its own', () => {
  const names = corpus.flatMap(([file, cases]) => cases.map(({ name }) => `${file} ${name}`));
  expect(names.length).toBeGreaterThan(80);
  expect(new Set(names).size).toBe(names.length);
});

test.each(corpus)('is told as it was: %s', (_file, cases) => {
  // All failures of a file at once: a rule that breaks one case mostly breaks others too.
  expect(cases.flatMap((one) => differences(one).map((text) => `${one.name} — ${text}`))).toEqual([]);
});

/** What is told otherwise than expected, a line each. */
function differences(one: CorpusCase): string[] {
  const { expect: expected } = one;
  const trace = traceFromOtlp(corpusTrace(one));
  const { spansInTrace } = one;
  const story = tellStory(trace, spansInTrace === undefined ? {} : { spansInTrace });
  const { summary, headline } = story;
  const origins = errorOrigins(trace);
  const critical = criticalNs(trace);
  const found: string[] = [];
  const hold = (field: string, holds: boolean, told: unknown): void => {
    if (!holds) found.push(`${field}: ${JSON.stringify(told)} [${headline}]`);
  };
  const is = (field: keyof CorpusCase['expect'], told: unknown): void => {
    const wanted = expected[field];
    if (wanted !== undefined) hold(`${field} is not ${JSON.stringify(wanted)}`, told === wanted, told);
  };
  const isSpan = (index: number, name: SpanName): boolean => spanOf(trace, name) === index;

  is('outcome', summary.outcome);
  is('kind', summary.cause?.kind);
  is('confidence', summary.cause?.confidence);
  is('sentence', headline);
  const { cause, waiter } = expected;
  if (cause === null) hold('there is a cause', summary.cause === null, summary.cause);
  else if (cause !== undefined) {
    hold(`cause is not ${String(cause)}`, isSpan(summary.cause?.spanIndex ?? -1, cause), summary.cause?.operation);
  }
  const origin = origins.find(({ spanIndex }) => spanIndex === summary.cause?.spanIndex);
  if (waiter !== undefined)
    hold(`not ${String(waiter)} stopped waiting`, isSpan(origin?.waiterIndex ?? -1, waiter), origin);
  const originSpans = origins.map(({ spanIndex }) => spanIndex);
  for (const name of expected.origins ?? [])
    hold(`no origin: ${String(name)}`, originSpans.includes(spanOf(trace, name)), originSpans);
  for (const name of expected.notOrigins ?? [])
    hold(`an origin: ${String(name)}`, !originSpans.includes(spanOf(trace, name)), originSpans);
  for (const name of expected.notHandled ?? []) {
    const handled = origins.filter(({ handledByIndex }) => handledByIndex >= 0).map(({ spanIndex }) => spanIndex);
    hold(`handled: ${String(name)}`, !handled.includes(spanOf(trace, name)), handled);
  }
  for (const name of expected.onPath ?? [])
    hold(`not on the path: ${String(name)}`, at(critical, spanOf(trace, name)) > 0, [...critical]);
  for (const name of expected.notOnPath ?? [])
    hold(`on the path: ${String(name)}`, at(critical, spanOf(trace, name)) === 0, [...critical]);
  const patterns: string[] = summary.patterns.map(({ kind }) => kind);
  for (const kind of expected.patterns ?? []) hold(`no pattern ${kind}`, patterns.includes(kind), patterns);
  for (const kind of expected.notPatterns ?? []) hold(`pattern ${kind}`, !patterns.includes(kind), patterns);
  for (const [service, [least, most]] of Object.entries(expected.skewMs ?? {})) {
    const skewMs = at(trace.skewNs, trace.serviceIndex.indexOf(trace.services.indexOf(service))) / 1e6;
    hold(`skew of ${service}`, skewMs >= least && skewMs <= most, skewMs);
  }
  const kinds: string[] = story.clauses.map(({ kind }) => kind);
  for (const kind of expected.clauses ?? []) hold(`no clause ${kind}`, kinds.includes(kind), kinds);
  const told = story.clauses.filter(({ kind }) => kind !== 'step' && kind !== 'total' && kind !== 'error');
  const text = [headline, ...told.map((clause) => clause.text)].join('\n');
  for (const words of expected.says ?? []) hold(`does not say "${words}"`, headline.includes(words), '');
  for (const words of expected.saysNot ?? []) hold(`says "${words}"`, !text.includes(words), text);
  hold('longer than 90 characters', headline.length <= 90, headline.length);
  return found;
}

function spanOf(trace: Trace, name: SpanName): number {
  const [service, operation] = typeof name === 'string' ? ['', name] : name;
  const found = trace.names.findIndex((one, index) => {
    return one === operation && (service === '' || trace.services[at(trace.serviceIndex, index)] === service);
  });
  if (found < 0) throw new Error(`no span ${String(name)}`);
  return found;
}
