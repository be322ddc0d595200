export {
  type ApartAttribute,
  type ApartOptions,
  attributesApart,
  type RequestAttributes,
  sayApart,
} from './attributes-apart.ts';
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
export { readFailure } from '../analysis/failure.ts';
export {
  errorGroupId,
  errorGroupKey,
  groupErrors,
  TREND_PARTS,
  type ErrorGroup,
  type ErrorGroupsInput,
  type ErrorGroupState,
  type FailedSpan,
  type FailureIdentity,
  type FailureKind,
  withEarlier,
} from './error-groups.ts';
export { failureName, type SpanEnd } from './failure-name.ts';
export { normalMessage } from './normal-message.ts';
export { type Change, type ChangeKind, findChanges, type TableOfWindow } from './changes.ts';
export {
  CALLEE_KINDS,
  type CalleeKind,
  dependencyEdges,
  type Edge,
  type EdgeSums,
  QUEUE_MARK,
} from './dependency-edges.ts';
export { LogSketch, quantilesOf, SKETCH_ERROR } from './log-sketch.ts';
export { measureNormals, type PathSums } from './normals.ts';
export { callPathsOf } from './call-paths.ts';
export { ownTimes } from './own-times.ts';
export {
  type CountedEdge,
  type MapEdge,
  type MapNode,
  type MapNodeKind,
  endsOf,
  serviceMap,
  type ServiceMap,
} from './service-map.ts';
export { tableOfTraces } from './table-of-traces.ts';
