/** What an agent is told in place of an answer; its message ends with what to do next, as Markdown. */
export class ToolProblem extends Error {
  override readonly name = 'ToolProblem';
}
