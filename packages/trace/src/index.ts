export * from './api-types.ts';
export { ApiClient, ApiClientError, type ApiClientOptions, type RequestOptions } from './api-client.ts';
export { attributeText, findAttribute } from './attributes.ts';
export { criticalNs, criticalPath, type CriticalSegment } from './critical-path.ts';
export { inferredDependency } from './dependency.ts';
export { formatDuration } from './duration.ts';
export { errorOrigins, type ErrorOrigin } from './error-origins.ts';
export type { Failure } from './failure.ts';
export * from './otlp.ts';
export type { SpanSource } from './received-spans.ts';
export {
  type Story,
  type StoryCause,
  type StoryClause,
  type StoryErrorOrigin,
  type StoryOptions,
  type StoryOutcome,
  type StoryPattern,
  type StorySegment,
  type StorySummary,
  tellStory,
} from './story.ts';
export { type Trace, traceFromOtlp } from './trace.ts';
export { parseTag, writeTag, type Tag } from './tag.ts';
export { parseTraceId, TRACE_ID_ACCEPTED } from './trace-id.ts';
export { UI_PAGES } from './ui-pages.ts';
