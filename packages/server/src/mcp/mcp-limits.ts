/** What an agent may ask at once, and how much it is answered. */
export interface McpLimits {
  /** Of a request; a larger one is answered 413. */
  readonly requestBytesMax: number;
  /** Of the text of an answer, in UTF-16 code units; what is beyond is cut. */
  readonly answerCharactersMax: number;
}

export const MCP_LIMITS: McpLimits = {
  requestBytesMax: 64 * 1024,
  answerCharactersMax: 20_000,
};
