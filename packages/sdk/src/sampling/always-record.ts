import { DROP, RECORD, type OtelSampler } from './foreign-sampler.ts';

/**
 * For the option `sampler`: what `root` drops is recorded for processors all the same, and not exported.
 * @example
 * new Tracer({ sampler: alwaysRecord(rootSampler), spanProcessors: [requestCounter] });
 * @see https://opentelemetry.io/docs/specs/otel/trace/sdk/#alwaysrecord
 */
export function alwaysRecord(root: OtelSampler): OtelSampler {
  return {
    shouldSample(...span) {
      const result = root.shouldSample(...span);
      return result.decision === DROP ? { ...result, decision: RECORD } : result;
    },
    toString: () => `AlwaysRecord{${String(root)}}`,
  };
}
