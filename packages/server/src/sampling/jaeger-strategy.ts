import type { SamplingController } from './sampling-controller.ts';

/** The lower bound that Jaeger's clients sample of each operation: one trace in ten minutes. */
const LOWER_BOUND_TRACES_PER_SECOND = 1 / 600;

/** `SamplingStrategyResponse`, as Jaeger writes it in JSON. */
export interface JaegerStrategy {
  readonly strategyType: 'PROBABILISTIC';
  readonly probabilisticSampling: JaegerProbability;
  readonly operationSampling?: {
    readonly defaultSamplingProbability: number;
    readonly defaultLowerBoundTracesPerSecond: number;
    readonly perOperationStrategies: readonly {
      readonly operation: string;
      readonly probabilisticSampling: JaegerProbability;
    }[];
  };
}

interface JaegerProbability {
  /** 0 to 1. */
  readonly samplingRate: number;
}

/**
 * What `GET /sampling?service=` answers: Jaeger's JSON (api_v2 SamplingStrategyResponse), which its clients and
 * OpenTelemetry's jaeger_remote samplers poll. They report no counts: an operation has a rate of its own where another
 * SDK reports the same service.
 */
export function jaegerStrategy(controller: SamplingController, service: string): JaegerStrategy {
  const { defaultProbability } = controller.settings;
  const fixed = controller.settings.operations.find((each) => each.service === service && each.operation === undefined);
  const probability = fixed?.probability ?? defaultProbability;
  const known = new Map(controller.sampling(service).map((operation) => [operation.name, operation.probability]));
  for (const { service: of, operation, probability: share } of controller.settings.operations) {
    if (of === service && operation !== undefined && share !== undefined) known.set(operation, share);
  }
  const strategy: JaegerStrategy = {
    strategyType: 'PROBABILISTIC',
    probabilisticSampling: { samplingRate: probability },
  };
  if (known.size === 0) return strategy;
  return {
    ...strategy,
    operationSampling: {
      defaultSamplingProbability: probability,
      defaultLowerBoundTracesPerSecond: LOWER_BOUND_TRACES_PER_SECOND,
      perOperationStrategies: [...known].map(([operation, samplingRate]) => ({
        operation,
        probabilisticSampling: { samplingRate },
      })),
    },
  };
}
