/** What a report can be sent as; of equals the first is sent. */
export type ReportForm = 'json' | 'markdown';

const MEDIA_TYPES: Readonly<Record<ReportForm, string>> = { json: 'application/json', markdown: 'text/markdown' };

/**
 * Returns the form that a client prefers by its Accept header (RFC 9110, section 12.5.1); null where it accepts none.
 * JSON is sent where it does not matter. A form that is named wins over one that only a `*` allows: clients put that at
 * the end of what they would rather have.
 */
export function preferredForm(accept: string | undefined): ReportForm | null {
  if (accept === undefined || accept.trim() === '') return 'json';
  const ranges = accept.split(',').map(readRange);
  const [json, markdown] = [weigh(ranges, MEDIA_TYPES.json), weigh(ranges, MEDIA_TYPES.markdown)];
  if (json.weight === 0 && markdown.weight === 0) return null;
  if (json.weight !== markdown.weight) return json.weight > markdown.weight ? 'json' : 'markdown';
  return markdown.precision > json.precision ? 'markdown' : 'json';
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
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '');
  if (weight === undefined) return { name, weight: 1 };
  return { name, weight: /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0 };
}

/** The most precise range decides. */
function weigh(ranges: readonly MediaRange[], type: string): { readonly weight: number; readonly precision: number } {
  const names = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type];
  let weight = 0;
  let precision = -1;
  for (const range of ranges.slice(0, RANGES_MAX)) {
    const found = names.indexOf(range.name);
    if (found < 0 || found < precision) continue;
    weight = found === precision ? Math.max(weight, range.weight) : range.weight;
    precision = found;
  }
  return { weight, precision };
}
