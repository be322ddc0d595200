export interface StoryClause {
  readonly text: string;
  /** The spans that are the evidence, in the order in which the text names them. */
  readonly spanIds: readonly string[];
  /** The time that the clause speaks of, in nanoseconds, as a decimal string. */
  readonly durationNs: string;
}
