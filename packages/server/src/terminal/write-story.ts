import { formatDuration, type Story, type StoryClause } from '@throughline/trace';
import { countText } from './count-text.ts';
import { safeText } from './safe-text.ts';
import { type Line, lineWidth, piece, type Screen, type Style } from './screen.ts';
import { padStart, widthOf, wrap } from './text-width.ts';

/** The answer in one sentence, over as many lines as it takes. */
export function writeHeadline(story: Story, screen: Screen): Line[] {
  return wrap(headlineOf(story), screen.width).map((text): Line => [piece(text, ...headlineStyles(story))]);
}

/** The headline; where a story has none, what there is to say. */
export function headlineOf({ headline, summary, durationNs, spanCount }: Story): string {
  if (headline !== '') return safeText(headline);
  if (spanCount === 0) return 'No spans';
  return `${safeText(summary.operation) || 'The trace'} took ${formatDuration(durationNs)}`;
}

export function headlineStyles({ summary: { outcome } }: Story): Style[] {
  if (outcome === 'ok') return ['bold', 'green'];
  return ['bold', outcome === 'slow' || outcome === 'recovered' ? 'yellow' : 'red'];
}

/** The clauses, their times below each other, with as many ids of the spans that are the evidence as `spanIdsMax`. */
export function writeClauses({ clauses }: Story, screen: Screen, spanIdsMax: number): Line[] {
  const timeWidth = Math.max(0, ...clauses.map((clause) => widthOf(timeOf(clause))));
  const indent = timeWidth + 4;
  const lines: Line[] = [];
  for (const clause of clauses) {
    const [first = '', ...rest] = wrap(safeText(clause.label), screen.width - indent);
    const styles = CLAUSE_STYLES[clause.kind] ?? [];
    const line = [piece(`  ${padStart(timeOf(clause), timeWidth)}  `, 'bold'), piece(first, ...styles)];
    const evidence = evidenceOf(clause, spanIdsMax);
    const spare = Math.min(screen.width, EVIDENCE_END_MAX) - lineWidth(line) - widthOf(evidence);
    const fits = rest.length === 0 && spare >= EVIDENCE_GAP;
    lines.push(fits ? [...line, piece(' '.repeat(spare)), piece(evidence, 'dim')] : line);
    for (const text of rest) lines.push([piece(' '.repeat(indent)), piece(text, ...styles)]);
    if (fits || evidence === '') continue;
    for (const text of wrap(evidence, screen.width - indent)) {
      lines.push([piece(' '.repeat(indent)), piece(text, 'dim')]);
    }
  }
  return lines;
}

const CLAUSE_STYLES: Readonly<Partial<Record<StoryClause['kind'], Style[]>>> = {
  error: ['red'],
  'stopped-waiting': ['red'],
  'kept-running': ['yellow'],
  usual: ['dim'],
  repeated: ['yellow'],
  clock: ['dim'],
  missing: ['dim'],
};

/** What the text of a clause begins with and its label lacks. */
function timeOf({ text, label }: StoryClause): string {
  return text.length > label.length && text.endsWith(label) ? safeText(text.slice(0, -label.length)) : '';
}

const EVIDENCE_GAP = 2;
/** On a wide screen the eye would lose the line. */
const EVIDENCE_END_MAX = 110;

function evidenceOf({ spanIds, spanCount }: StoryClause, max: number): string {
  const shown = spanIds.slice(0, max).map((id) => safeText(id));
  const more = shown.length > 0 && spanCount > shown.length ? [`+${countText(spanCount - shown.length)}`] : [];
  return [...shown, ...more].join(' ');
}
