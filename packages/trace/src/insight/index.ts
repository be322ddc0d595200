export { type ApartAttribute, attributesApart, type RequestAttributes } from './attributes-apart.ts';
export {
  explainIncident,
  withAttributes,
  type Conclusion,
  type Explanation,
  type Selection,
  type Suspect,
  type SuspectEvidence,
} from './explain.ts';
export { type SpanRow, type SpanTable, SpanTableBuilder } from './span-table.ts';
export { Vocabulary } from './vocabulary.ts';
export { failureName, normalMessage, type SpanEnd } from './failure-name.ts';
export { type Change, type ChangeKind, findChanges, type TableOfWindow } from './changes.ts';
