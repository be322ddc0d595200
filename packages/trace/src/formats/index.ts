export { TraceFormatError, type TraceFormatErrorCode } from './format-error.ts';
export type {
  JaegerLog,
  JaegerProcess,
  JaegerReference,
  JaegerSpan,
  JaegerTag,
  JaegerTrace,
  JaegerTraces,
} from './jaeger.ts';
export { toOtlp, type TracesToWrite, type Written } from './otlp-spans.ts';
export { type ReadTraces, readTraces, type TraceFormat } from './read-traces.ts';
export type { TraceOfFile } from './trace-groups.ts';
export type { FormatWarning, FormatWarningCode } from './warnings.ts';
export { toJaeger } from './write-jaeger.ts';
export { toZipkin } from './write-zipkin.ts';
export type { ZipkinAnnotation, ZipkinEndpoint, ZipkinSpan } from './zipkin.ts';
