import { EngineError } from './engine.ts';

/** A part of a table, as an error of the engine names it. */
export interface NamedPart {
  /** The table's directory is called so. */
  readonly tableUuid: string;
  /** Such as `20261123_1_14_2`. */
  readonly part: string;
}

/**
 * ClickHouse's codes for files that are not what they were: data that ends early (3, 32, 33), input that cannot be read
 * (27), a checksum (40), values that cannot be (117, 128, 131), files of a part (226, 228), marks and metadata (246),
 * data that cannot be decompressed (271). By themselves they prove nothing: a statement may fail by them for other
 * reasons.
 */
const DAMAGE_CODES: ReadonlySet<number> = new Set([3, 27, 32, 33, 40, 117, 128, 131, 226, 228, 246, 271]);

/** A read that failed; the engine counts it, and takes it for the end of the file then. */
const READ_FAILED = 74;

/**
 * Errors that pass, whatever they name: time (159), a cancelled query (394), memory (241), disk space (243),
 * descriptors (75, 76, 202, 252).
 */
const PASSING_CODES: ReadonlySet<number> = new Set([75, 76, 159, 202, 241, 243, 252, 394]);

/** Whether the text is about a disk that fails to read: that is no damage, and not known to be none. */
export function isReadFailure(text: string): boolean {
  return /CANNOT_READ_FROM_FILE_DESCRIPTOR|Cannot read from file |errno: 5\b|Input\/output error/.test(text);
}

/**
 * What a failed statement says about damage, or a disk that fails to read: the part it names, `'unnamed'` where it may
 * be any, or null where it is no sign of damage.
 */
export function signOfDamage(error: unknown): NamedPart | 'unnamed' | null {
  if (!(error instanceof EngineError) || error.clickhouseCode === 0) return null;
  if (PASSING_CODES.has(error.clickhouseCode) && !isReadFailure(error.message)) return null;
  return partNamedIn(error.message) ?? (DAMAGE_CODES.has(error.clickhouseCode) ? 'unnamed' : null);
}

/** The first part whose directory is in the text. */
export function partNamedIn(text: string): NamedPart | null {
  const [, tableUuid, part] =
    /\/store\/[0-9a-f]{3}\/([0-9a-f-]{36})\/(\w+_\d+_\d+_\d+(?:_\d+)?)(?:\/|\b)/.exec(text) ?? [];
  return tableUuid === undefined || part === undefined ? null : { tableUuid, part };
}

/** The codes that are looked up in `system.errors`. */
export const LOOKED_FOR: readonly number[] = [...DAMAGE_CODES, READ_FAILED, 107, 1001];
