import { DROP, RECORD, type OtelSampler } from './foreign-sampler.ts';

/**
 * OpenTelemetry's AlwaysRecord: what `root` drops is recorded for processors all the same, and not exported. For the option `sampler`.
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
