/**
 * The only place where a value becomes part of a statement. Everything here answers a complete SQL expression; what it
 * cannot express it refuses with a `RangeError`, which is a mistake of ours and never of a sender or a reader.
 */

/** A string literal. Lone surrogates, which UTF-8 cannot hold, become U+FFFD, as everywhere else in the store. */
export function sqlString(value: string): string {
  // Control characters are escaped as well: a NUL would end the statement inside the engine's C interface.
  // Those beyond ASCII are two bytes in UTF-8 and harm nobody, while an escape would write one.
  return `'${value.replace(/[\\']|(?=\p{ASCII})\p{Cc}/gu, escapeCharacter)}'`;
}

function escapeCharacter(character: string): string {
  if (character === '\\' || character === "'") return `\\${character}`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A signed 64-bit integer. */
export function sqlInt64(value: bigint | number): string {
  const integer = BigInt(value);
  if (BigInt.asIntN(64, integer) !== integer) throw new RangeError(`${integer} is not a signed 64-bit integer`);
  return `toInt64(${integer})`;
}

/** An unsigned 64-bit integer. */
export function sqlUInt64(value: bigint | number): string {
  const integer = BigInt(value);
  if (BigInt.asUintN(64, integer) !== integer) throw new RangeError(`${integer} is not an unsigned 64-bit integer`);
  return `toUInt64(${integer})`;
}

/** A finite double. */
export function sqlFloat64(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a finite number`);
  return `toFloat64('${Object.is(value, -0) ? '-0' : value}')`;
}

/**
 * Raw bytes, given as an even number of hexadecimal digits. A literal: each call of a function is analysed for some 50
 * µs.
 */
export function sqlHex(hex: string): string {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) throw new RangeError(`${JSON.stringify(hex)} is not hexadecimal`);
  return `'${hex.replace(/../g, String.raw`\x$&`)}'`;
}

/** The name of a table, a column or a setting. */
export function sqlIdentifier(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`${JSON.stringify(name)} is not an identifier`);
  return `\`${name}\``;
}
