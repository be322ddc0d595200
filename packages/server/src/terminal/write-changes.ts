import type { Change, ChangesResponse, ExplainResponse, Suspect } from '@throughline/trace/client';
import { formatDuration } from '@throughline/trace';
import { countOf, countText } from './count-text.ts';
import { markdownCode, markdownText, warningsMarkdown } from './markdown-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Screen, type Style } from './screen.ts';
import { wrap } from './text-width.ts';

export interface Window {
  readonly fromUnixNano: string;
  readonly toUnixNano: string;
}

type Answer = Pick<ExplainResponse, 'conclusion' | 'text' | 'suspects' | 'warnings' | 'baseline' | 'incident'>;

/** `throughline changes`: the answer, what speaks for it, and all that has changed. */
export function writeChanges(response: ChangesResponse, service: string | null, screen: Screen): Line[] {
  const { baseline, incident } = windowsOf(response);
  const { changes, truncated } = response;
  return [
    ...writeExplanation(response, baseline, incident, screen),
    [],
    [piece(headingOf(changes, service === null ? null : safeText(service)), 'bold')],
    ...changes.flatMap((change) => writeChange(change, screen)),
    ...(truncated ? paragraph('There are more: raise --limit, or name one with --service', screen, 'dim') : []),
    ...nextStep(response, changes, screen),
  ];
}

function windowsOf(response: ChangesResponse): { readonly baseline: Window; readonly incident: Window } {
  return {
    baseline: { fromUnixNano: response.baselineFromUnixNano, toUnixNano: response.baselineToUnixNano },
    incident: { fromUnixNano: response.fromUnixNano, toUnixNano: response.toUnixNano },
  };
}

function headingOf(changes: readonly Change[], service: string | null): string {
  const whose = service === null ? '' : ` of ${service}`;
  return changes.length === 0 ? `Nothing${whose} has changed` : `${countOf(changes.length, 'change')}${whose}`;
}

/** `throughline changes` as Markdown; parameters are named as the API names them. */
export function changesMarkdown(response: ChangesResponse, service: string | null): string {
  const { baseline, incident } = windowsOf(response);
  const { changes, truncated } = response;
  const mentioned = new Set<string>();
  const explanation = explanationMarkdown(response, baseline, incident, mentioned);
  const items = changes.map((change) => {
    const [mark] = MARKS[change.kind];
    return `- ${mark === '+' || mark === '-' ? `\\${mark}` : mark} ${markdownText(change.text)}${evidenceText(change, mentioned)}`;
  });
  return [
    ...explanation,
    `**${headingOf(changes, service === null ? null : markdownText(service))}**`,
    '',
    ...(items.length === 0 ? [] : [...items, '']),
    ...(truncated ? ['There are more: raise `limit`, or name one with `service`', ''] : []),
    ...legendMarkdown(response, changes),
  ].join('\n');
}

/** `throughline explain` as Markdown. */
export function explainMarkdown(response: ExplainResponse, baseline: Window, incident: Window): string {
  return [...explanationMarkdown(response, baseline, incident, new Set()), ...legendMarkdown(response, [])].join('\n');
}

function explanationMarkdown(answer: Answer, baseline: Window, incident: Window, mentioned: Set<string>): string[] {
  const { warnings } = answer;
  const suspects = clearSuspects(answer);
  const others = answer.suspects.length - suspects.length;
  const items = suspects.flatMap((suspect, at) => [
    `${at + 1}. ${markdownText(nameOf(suspect))} ${KINDS[suspect.kind]} (score ${suspect.score.toFixed(1)})`,
    ...suspect.evidence
      .slice(0, EVIDENCE_MAX)
      .map((evidence) => `   - ${markdownText(evidence.text)}${evidenceText(evidence, mentioned)}`),
    ...suspect.attributes.map((attribute) => `   - ${markdownText(attributeText(attribute))}`),
  ]);
  const left =
    others === 0 ? [] : [`${countOf(others, 'other scores', 'others score')} below a tenth of the first`, ''];
  return [
    `### ${markdownText(answerOf(answer))}`,
    '',
    `- now: ${comparedText(incident, answer.incident)}`,
    `- before: ${comparedText(baseline, answer.baseline)}`,
    '',
    ...warningsMarkdown(warnings),
    ...(items.length === 0 ? [] : ['**Likeliest causes**', '', ...items, '', ...left]),
  ];
}

/** Where the first stands out, what is far behind it is noise to whoever reads on. */
function clearSuspects({ conclusion, suspects }: Answer): readonly Suspect[] {
  const least = conclusion === 'found' ? FAR_BEHIND * (suspects[0]?.score ?? 0) : 0;
  return suspects.filter(({ score }) => score >= least);
}

const FAR_BEHIND = 0.1;

/** With a trace that shows it; of one that has been named before, the begin of its ID will do. */
function evidenceText(
  { traceIds: [traceId], ...counted }: Pick<Change, 'count' | 'baselineCount' | 'traceIds'>,
  mentioned: Set<string>,
): string {
  if (traceId === undefined) return ` (${countsText(counted)})`;
  const shown = mentioned.has(traceId) ? `${traceId.slice(0, SHORT_ID)}…` : traceId;
  mentioned.add(traceId);
  return ` (${countsText(counted)}; trace ${markdownCode(shown)})`;
}

const SHORT_ID = 8;

function legendMarkdown({ suspects }: Answer, changes: readonly Change[]): string[] {
  return suspects.length + changes.length === 0 ? [] : [LEGEND, ''];
}

/** `throughline explain`. */
export function writeExplain(response: ExplainResponse, baseline: Window, incident: Window, screen: Screen): Line[] {
  return [...writeExplanation(response, baseline, incident, screen), ...nextStep(response, [], screen)];
}

function paragraph(words: string, screen: Screen, ...styles: readonly Style[]): Line[] {
  return wrap(words, screen.width).map((line): Line => [piece(line, ...styles)]);
}

const CONCLUSION_STYLES = {
  found: 'red',
  'not-enough-evidence': 'yellow',
  'nothing-unusual': 'green',
} as const;

function writeExplanation(answer: Answer, baseline: Window, incident: Window, screen: Screen): Line[] {
  const { conclusion, suspects, warnings } = answer;
  return [
    ...paragraph(answerOf(answer), screen, 'bold', CONCLUSION_STYLES[conclusion]),
    ...paragraph(`now     ${comparedText(incident, answer.incident)}`, screen, 'dim'),
    ...paragraph(`before  ${comparedText(baseline, answer.baseline)}`, screen, 'dim'),
    ...warnings.flatMap((warning) => paragraph(`Warning: ${safeText(warning)}`, screen, 'yellow')),
    ...(suspects.length === 0 ? [] : [[], [piece('Likeliest causes', 'bold')]]),
    ...suspects.flatMap((suspect, at) => writeSuspect(suspect, at + 1, screen)),
  ];
}

function comparedText(window: Window, { readTraceCount, spanCount, readSpanCount }: Answer['incident']): string {
  const share = readSpanCount < spanCount ? ` (of ${countOf(spanCount, 'span')} ${countText(readSpanCount)} read)` : '';
  return `${spanOfTime(window)}, ${countOf(readTraceCount, 'trace')}${share}`;
}

function answerOf({ conclusion, text, incident }: Answer): string {
  if (incident.readTraceCount === 0) return 'No traces in this time: there is nothing to compare';
  return conclusion === 'found' ? `Found: ${safeText(text)}` : safeText(text);
}

/** What a suspect does, behind its name. */
const KINDS: Readonly<Record<Suspect['kind'], string>> = {
  slow: 'is slower itself',
  operation: 'is slower itself',
  network: 'is slow to reach',
  queue: 'is waited for in a queue',
  failures: 'fails, or does not answer',
  calls: 'makes other calls',
  'more-calls': 'makes more calls',
  serial: 'makes calls one after another',
};

const EVIDENCE_MAX = 3;

function nameOf({ service, operation, resource }: Suspect): string {
  const part = Object.entries(resource ?? {}).map(([key, value]) => ` ${key}=${value}`);
  return safeText(`${service}${operation === null ? '' : ` ${operation}`}${part.join('')}`);
}

function writeSuspect(suspect: Suspect, place: number, screen: Screen): Line[] {
  const { kind, score, evidence, attributes } = suspect;
  return [
    ...beside(`${place}. `, `${nameOf(suspect)} ${KINDS[kind]}`, `score ${score.toFixed(1)}`, ['bold'], screen),
    ...evidence.slice(0, EVIDENCE_MAX).flatMap((one) => beside('   ', safeText(one.text), countsText(one), [], screen)),
    ...attributes.flatMap((attribute) => beside('   ', attributeText(attribute), '', [], screen)),
  ];
}

const MARKS: Readonly<Record<Change['kind'], readonly [string, Style]>> = {
  slower: ['▲', 'red'],
  faster: ['▼', 'green'],
  failures: ['✖', 'red'],
  'fewer-failures': ['✔', 'green'],
  'more-requests': ['▲', 'yellow'],
  'fewer-requests': ['▼', 'yellow'],
  'new-operation': ['+', 'cyan'],
  'gone-operation': ['-', 'cyan'],
  'new-version': ['◆', 'magenta'],
};

function writeChange(change: Change, screen: Screen): Line[] {
  const [mark, style] = MARKS[change.kind];
  return beside(`${mark} `, safeText(change.text), countsText(change), [style], screen);
}

function countsText({ count, baselineCount }: { readonly count: number; readonly baselineCount: number }): string {
  return `${countText(count)} / ${countText(baselineCount)}`;
}

/** On a wide screen the eye would lose the line. */
const END_MAX = 110;

function attributeText({ key, value, share, otherShare }: Suspect['attributes'][number]): string {
  return `${Math.round(100 * share)}% of them have ${safeText(`${key}=${value}`)}, ${Math.round(100 * otherShare)}% of the others`;
}

/** A text with a mark before it, and a number at the end of its first line. */
function beside(mark: string, text: string, number: string, styles: readonly Style[], screen: Screen): Line[] {
  const end = Math.min(screen.width, END_MAX);
  const indent = mark.length + 1;
  const [first = '', ...rest] = wrap(text, end - indent - number.length - 2);
  const head = piece(` ${mark}${first}`, ...styles);
  return [
    [head, piece(' '.repeat(Math.max(2, end - lineWidth([head]) - number.length))), piece(number, 'dim')],
    ...rest.map((line): Line => [piece(' '.repeat(indent)), piece(line, ...styles)]),
  ];
}

const LEGEND = 'N / M: requests looked at, now / before';

function nextStep({ suspects }: Answer, changes: readonly Change[], screen: Screen): Line[] {
  const ids = [...suspects.flatMap(({ evidence }) => evidence), ...changes].flatMap(({ traceIds }) => traceIds);
  const counted = suspects.length + changes.length > 0;
  const legend = counted ? wrap(LEGEND, screen.width) : [];
  const example = ids[0] === undefined ? [] : [`Look at one: throughline trace ${safeText(ids[0])}`];
  const lines = [...legend, ...example];
  return lines.length === 0 ? [] : [[], ...lines.map((text): Line => [piece(text, 'dim')])];
}

/** `2026-11-23 05:00:00 to 06:00:00Z (1 h)` */
function spanOfTime({ fromUnixNano, toUnixNano }: Window): string {
  const [from, to] = [fromUnixNano, toUnixNano].map((ns) => new Date(Number(BigInt(ns) / 1_000_000n)).toISOString());
  const [fromDay = '', fromTime = ''] = (from ?? '').slice(0, 19).split('T');
  const [toDay = '', toTime = ''] = (to ?? '').slice(0, 19).split('T');
  const length = formatDuration(BigInt(toUnixNano) - BigInt(fromUnixNano));
  return `${fromDay} ${fromTime} to ${toDay === fromDay ? '' : `${toDay} `}${toTime}Z (${length})`;
}
