import type { LinkFields } from '../../columns/span-fields.ts';

/** An EntityRef in OTLP's JSON encoding, as the column holds it. */
export interface JsonEntityRef {
  schemaUrl?: string;
  type?: string;
  idKeys?: string[];
  descriptionKeys?: string[];
}

/** The names of the enums' values, by their numbers. */
export const SPAN_KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map(
  (kind) => `SPAN_KIND_${kind}`,
);
export const STATUS_CODES = ['UNSET', 'OK', 'ERROR'].map((code) => `STATUS_CODE_${code}`);

/** Always with its members in the same order, so that equal references are equal as text. */
export function entityRef(schemaUrl: string, type: string, idKeys: string[], descriptionKeys: string[]): JsonEntityRef {
  const ref: JsonEntityRef = {};
  if (schemaUrl !== '') ref.schemaUrl = schemaUrl;
  if (type !== '') ref.type = type;
  if (idKeys.length > 0) ref.idKeys = idKeys;
  if (descriptionKeys.length > 0) ref.descriptionKeys = descriptionKeys;
  return ref;
}

/** An enum's column holds 0 to this; a number beyond is one that no version of OTLP has given a meaning. */
export const ENUMERATION_MAX = 0xff;

export function emptyScope() {
  return {
    nameStart: 0,
    nameEnd: 0,
    versionStart: 0,
    versionEnd: 0,
    schemaUrlStart: 0,
    schemaUrlEnd: 0,
    droppedAttributesCount: 0,
  };
}

export function emptyLink(): LinkFields {
  return {
    traceIdStart: 0,
    traceIdEnd: 0,
    spanIdStart: 0,
    spanIdEnd: 0,
    traceStateStart: 0,
    traceStateEnd: 0,
    flags: 0,
    droppedAttributesCount: 0,
  };
}
