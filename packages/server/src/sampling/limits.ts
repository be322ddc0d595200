/** Limits of what applications report, and of what is remembered of them. */
export interface SamplingLimits {
  /** A message; a larger one is answered 413. */
  readonly messageBytesMax: number;
  /** Operations of one message; one with more is refused. */
  readonly messageOperationsMax: number;
  /** Totals of one message; one with more is refused. */
  readonly messageTotalsMax: number;
  /** Of a service, an instance or an operation; a message with a longer one is refused. */
  readonly nameCharactersMax: number;
  /** A change of the settings; a larger one is answered 413. */
  readonly settingsBytesMax: number;
  /** Operations that are remembered, of all services together; the rest are answered with the default probability. */
  readonly operationsMax: number;
  /** Processes that are remembered. */
  readonly instancesMax: number;
  /** An operation that no process has reported for so long is forgotten. */
  readonly operationLiveMs: number;
  /** How often rates are written to the data directory. */
  readonly saveIntervalMs: number;
  /** Messages that are on their way to other collectors at once; one more is not handed on. */
  readonly forwardsMax: number;
  /** For one of them. */
  readonly forwardTimeoutMs: number;
}

export const SAMPLING_LIMITS: SamplingLimits = {
  messageBytesMax: 4 * 1024 * 1024,
  messageOperationsMax: 2_000,
  messageTotalsMax: 10_000,
  nameCharactersMax: 1_024,
  settingsBytesMax: 256 * 1024,
  operationsMax: 10_000,
  instancesMax: 10_000,
  operationLiveMs: 3_600_000,
  saveIntervalMs: 30_000,
  forwardsMax: 64,
  forwardTimeoutMs: 3_000,
};
