const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * A source map with one place for each line, as stacks and debuggers need it: a fifth of what one for each token takes.
 * `names` are omitted. Format: ECMA-426, "mappings".
 */
export function mapOfLines(map) {
  // Deltas of source, line and column run through the whole map, that of the generated column begins again with each
  // line.
  const read = [0, 0, 0];
  const wrote = [0, 0, 0];
  const lines = map.mappings.split(';').map((line) => {
    let first = '';
    let column = 0;
    for (const segment of line === '' ? [] : line.split(',')) {
      const [generated = 0, ...deltas] = decode(segment);
      column += generated;
      if (deltas.length < 3) continue;
      for (let at = 0; at < 3; at++) read[at] += deltas[at];
      if (first !== '') continue;
      first = [column, ...read.map((value, at) => value - wrote[at])].map(encode).join('');
      wrote.splice(0, 3, ...read);
    }
    return first;
  });
  return { ...map, names: [], mappings: lines.join(';') };
}

function decode(segment) {
  const values = [];
  let value = 0;
  let shift = 0;
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value += (digit & 31) << shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    values.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return values;
}

function encode(value) {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>= 5;
    text += DIGITS[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
