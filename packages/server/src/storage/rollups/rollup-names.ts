import { sqlHex, sqlString } from '../sql.ts';

/**
 * A service or an operation, as the derived tables name it; null stands for those that are not counted by their names.
 */
export type RollupName = string | null;

/** No text in UTF-8, so that no span has it as its name. */
export const OTHERS_BYTES: Uint8Array = Uint8Array.of(0xff);
const OTHERS = sqlHex('ff');

/**
 * A longer name is a text, of which each may come once: it is counted with the others. What is listed can be queried:
 * three of these, and the longest attributes that complete a search, are in percent-encoding less than a request's
 * headers may have.
 */
export const NAME_BYTES_MAX = 4_096;

// Old servers make a plain string of the condition's result, and do not take it for a dictionary's column.
export const SERVICE_NAME = `CAST(if(rollup_other >= 2 OR length(service) > ${NAME_BYTES_MAX}, toLowCardinality(${OTHERS}), service) AS LowCardinality(String)) AS service_name`;
/** Where the service has no name, its operations have none. */
export const OPERATION_NAME = `CAST(if(rollup_other >= 1 OR greatest(length(service), length(name)) > ${NAME_BYTES_MAX}, toLowCardinality(${OTHERS}), name) AS LowCardinality(String))`;

export function isName(name: string): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES_MAX;
}

/** The literal to compare a column with. */
export function sqlName(name: RollupName): string {
  return name === null ? OTHERS : sqlString(name);
}

/** Selects a column of names for `readName`. */
export function selectName(column: string): string {
  return `if(${column} = ${OTHERS}, '', concat('=', toString(${column})))`;
}

export function readName(selected: string): RollupName {
  return selected === '' ? null : selected.slice(1);
}
