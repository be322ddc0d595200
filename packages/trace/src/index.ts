export { attributeText, findAttribute } from './attributes.ts';
export { criticalNs, criticalPath, type CriticalSegment } from './analysis/critical-path.ts';
export {
  type CriticalPathReport,
  type CriticalPathReportOptions,
  describeCriticalPath,
  type ReportedKind,
  type ReportedPath,
  type ReportedSaving,
  type ReportedSegment,
  type ReportedService,
} from './analysis/critical-path-report.ts';
export { dependencyKind, inferredDependency } from './analysis/inferred-dependency.ts';
export { likeCalls } from './analysis/like-calls.ts';
export {
  type CallDifference,
  type ComparedCalls,
  type ComparedPath,
  compareTraces,
  type TraceComparison,
} from './compare/compare-traces.ts';
export {
  type ComparedTrace,
  type ComparisonReport,
  type ComparisonReportOptions,
  describeComparison,
  type ReportedCalls,
  type ReportedComparedPath,
} from './compare/comparison-report.ts';
export { type SimilarTrace, similarTraces } from './compare/similar-traces.ts';
export { typicalTrace } from './compare/typical-trace.ts';
export { formatDuration } from './format-duration.ts';
export { errorOrigins, type ErrorOrigin } from './analysis/error-origins.ts';
export type { Failure } from './analysis/failure.ts';
export {
  type FollowedLink,
  followLinks,
  type Journey,
  journeyTo,
  type LinkedTraces,
  type OpenLink,
  type SpanOfTrace,
} from './analysis/linked-traces.ts';
export {
  exclusiveNs,
  type KindTime,
  type OperationTime,
  type PathTime,
  type ServiceTime,
  timeByKind,
  timeByOperation,
  timeByPath,
  timeByService,
  type TimeShare,
} from './analysis/times.ts';
export { type Transit, transits } from './analysis/transits.ts';
export { type Change, type Outcome, type RankedChange, slackNs, whatIf, whatIfEach } from './analysis/what-if.ts';
export * from './otlp.ts';
export type { SpanSource } from './tree/received-spans.ts';
export type {
  Story,
  StoryCause,
  StoryClause,
  StoryErrorOrigin,
  StoryOptions,
  StoryOutcome,
  StoryPattern,
  StoryPlace,
  StorySegment,
  StorySummary,
  UsualDuration,
} from './story/story.ts';
export { tellStory } from './story/tell-story.ts';
export { storyPlaces, withUsual } from './story/usual.ts';
export { type Trace, traceFromOtlp } from './tree/trace.ts';
