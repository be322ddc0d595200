import { Counter, type Registry } from 'prom-client';

/** `rejected`: the arguments did not fit, or named what is not there · `left`: the client disconnected. */
export type CallOutcome = 'answered' | 'rejected' | 'failed' | 'left';

/** Calls of tools. Requests, with those that call none, are counted as every route's are. */
export class McpMetrics {
  readonly #calls: Counter<'tool' | 'outcome'>;

  constructor(registry: Registry, tools: readonly string[]) {
    this.#calls = new Counter({
      name: 'throughline_mcp_calls_total',
      help: 'Calls of MCP tools by outcome: answered, rejected (bad arguments, or nothing of that name), failed (also timeouts), left (the client disconnected)',
      labelNames: ['tool', 'outcome'],
      registers: [registry],
    });
    for (const tool of tools) this.#calls.inc({ tool, outcome: 'answered' }, 0);
  }

  called(tool: string, outcome: CallOutcome): void {
    this.#calls.inc({ tool, outcome });
  }
}
