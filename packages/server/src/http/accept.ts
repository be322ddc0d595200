/** What a report can be sent as; of equals the first is sent. */
export type ReportForm = 'json' | 'markdown';

const MEDIA_TYPES: Readonly<Record<ReportForm, string>> = { json: 'application/json', markdown: 'text/markdown' };

/**
 * Returns the form that a client prefers by its Accept header (RFC 9110, section 12.5.1); null where it refuses JSON
 * and accepts nothing else. Markdown is sent to clients that name it: others would not know what to do with it, and
 * many send a header that they have not thought about. A form that is named wins over one that only a `*` allows:
 * clients put that at the end of what they would rather have.
 */
export function preferredForm(accept: string | undefined): ReportForm | null {
  if (accept === undefined || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map(readRange);
  const [json, markdown] = [weigh(ranges, MEDIA_TYPES.json), weigh(ranges, MEDIA_TYPES.markdown)];
  const isRefused = json.precision > UNNAMED && json.weight === 0;
  if (isRefused) return markdown.weight > 0 ? 'markdown' : null;
  if (markdown.precision <= BY_STAR || markdown.weight < json.weight || markdown.weight === 0) return 'json';
  return markdown.weight > json.weight || markdown.precision > json.precision ? 'markdown' : 'json';
}

/** How many ranges of a header are looked at. */
const RANGES_MAX = 100;

interface MediaRange {
  /** In lower case: `text/markdown`, `text/*`. */
  readonly name: string;
  /** From 0 to 1; 0 is not accepted. */
  readonly weight: number;
}

function readRange(item: string): MediaRange {
  const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '') ?? '';
  return {
    // Java's HttpURLConnection writes a star alone.
    name: name === '*' ? '*/*' : name,
    // `.2` and more digits than three are not in the RFC, and are what clients send; what is no number says nothing.
    weight: /^(?:\d+\.?\d*|\.\d+)$/.test(weight) ? Math.min(1, Number(weight)) : 1,
  };
}

/** How precisely a header names a type: not at all, or by a star alone; more where it names it. */
const UNNAMED = -1;
const BY_STAR = 0;

/** The most precise range decides. */
function weigh(ranges: readonly MediaRange[], type: string): { readonly weight: number; readonly precision: number } {
  const names = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type];
  let weight = 0;
  let precision = UNNAMED;
  for (const range of ranges.slice(0, RANGES_MAX)) {
    const found = names.indexOf(range.name);
    if (found < 0 || found < precision) continue;
    weight = found === precision ? Math.max(weight, range.weight) : range.weight;
    precision = found;
  }
  return { weight, precision };
}
