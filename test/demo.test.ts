import { readFileSync, rmSync } from 'node:fs';
import type { Span, Story, TracesData } from '@throughline/trace';
import type { ServicesResponse, TracesResponse } from '@throughline/trace/client';
import { findAttribute, SpanKind } from '@throughline/trace';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory, runCommand, startCollector, type Command } from './support/collector.ts';
import { descendantsOf, eventually, isAlive } from './support/processes.ts';

interface Told {
  readonly shopUrl: string;
  readonly uiUrl: string;
  readonly traceId: string;
  readonly traceUrl: string;
  readonly headline: string;
}

describe('the demo', () => {
  it('tells from the stored trace why an order was slow, by a collector that runs already', async () => {
    const collector = await startCollector();
    onTestFinished(async () => {
      await collector.stop();
    });
    const { port: httpPort } = new URL(collector.apiUrl);
    const { port: otlpPort } = new URL(collector.otlpUrl);
    const demo = runCommand(
      [
        'demo',
        '--exit',
        '--json',
        '--load-seconds',
        '3',
        '--http-port',
        httpPort,
        '--otlp-http-port',
        otlpPort,
        '--otlp-grpc-port',
        '0',
      ],
      { THROUGHLINE_DATA_DIR: collector.dataDirectory },
    );
    const seen = watchDescendants(demo);
    expect({ ...(await demo.exited), output: demo.output() }).toMatchObject({ code: 0, signal: null });

    const told = jsonLine(demo);
    expect(told.uiUrl).toBe(collector.apiUrl);
    expect(told.traceUrl).toBe(`${collector.apiUrl}/trace/${told.traceId}`);
    expect(told.headline).toMatch(/^POST \/buy recovered: payment .* fraud SELECT orders$/);

    const story: Story = await get(`${collector.apiUrl}/api/v1/traces/${told.traceId}/story`);
    const trace: TracesData = await get(`${collector.apiUrl}/api/v1/traces/${told.traceId}`);
    const spans = spansByService(trace);
    expect([...spans.keys()].toSorted()).toEqual(['checkout', 'fraud', 'payment', 'web']);
    expect(story.headline).toBe(told.headline);
    const ids = new Set([...spans.values()].flat().map((span) => span.spanId));
    const named = story.clauses.flatMap((clause) => clause.spanIds);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((id) => !ids.has(id))).toEqual([]);

    const call = find(spans.get('payment'), ({ kind }) => kind === SpanKind.client);
    expect(findAttribute(call.attributes, 'error.type')?.stringValue).toBe('TimeoutError');
    const statement = find(spans.get('fraud'), (span) => span.name === 'SELECT orders');
    expect(BigInt(statement.endTimeUnixNano)).toBeGreaterThan(BigInt(call.endTimeUnixNano));
    expect(named).toContain(statement.spanId);
    expect(findAttribute(statement.attributes, 'db.namespace')?.stringValue).toBe('fraud');

    const { services }: ServicesResponse = await get(`${collector.apiUrl}/api/v1/services`);
    expect(services.map(({ name }) => name).toSorted()).toEqual(['checkout', 'fraud', 'payment', 'web']);
    // Three seconds of customers are twelve orders, and only the dear one had to wait: the others have a database of their own.
    const orders: TracesResponse = await get(`${collector.apiUrl}/api/v1/traces?service=web&operation=POST%20/buy`);
    const timedOut: TracesResponse = await get(`${collector.apiUrl}/api/v1/traces?tag=error.type=TimeoutError`);
    expect(orders.traces).toHaveLength(12);
    expect(timedOut.traces.map(({ traceId }) => traceId)).toEqual([told.traceId]);
    expect([...seen].filter((pid) => isAlive(pid))).toEqual([]);
  });

  it('starts a collector where none runs, sells through its page, and ends them all when it is told to', async () => {
    const demo = startDemo();
    const told = await eventually('the story was told', () => jsonLineOf(demo));
    const page = await fetch(told.shopUrl);
    expect(await page.text()).toContain('Buy');
    const answer = await fetch(`${told.shopUrl}/buy`, { method: 'POST', body: JSON.stringify({ product: 'socks' }) });
    expect(await answer.json()).toMatchObject({ outcome: 'paid' });

    const below = descendantsOf(demo.pid);
    process.kill(demo.pid, 'SIGTERM');
    expect({ ...(await demo.exited), output: demo.output() }).toMatchObject({ code: 0, signal: null });
    expect(below.filter((pid) => isAlive(pid))).toEqual([]);
  });

  it('leaves no process behind when it is killed', async () => {
    const demo = startDemo();
    await eventually('customers come', () => demo.output().includes('customers'));
    const below = descendantsOf(demo.pid);
    // Two databases, four services and the engine of the collector.
    expect(below.length).toBeGreaterThanOrEqual(7);
    process.kill(demo.pid, 'SIGKILL');
    await demo.exited;
    await eventually('every process has ended', () => !below.some((pid) => isAlive(pid)));
  });

  it('reports a process that dies in one line, and ends the others', async () => {
    const demo = startDemo();
    await eventually('customers come', () => demo.output().includes('customers'));
    const below = descendantsOf(demo.pid);
    const databases = below.filter((pid) => commandLine(pid).includes('database.js'));
    expect(databases).toHaveLength(2);
    process.kill(databases[0] ?? -1, 'SIGKILL');
    expect(await demo.exited).toEqual({ code: 1, signal: null });
    expect(demo.output()).toMatch(/^throughline demo: fraud database \(\w+\) .*SIGKILL/m);
    expect(below.filter((pid) => isAlive(pid))).toEqual([]);
  });
});

/** A demo with a collector of its own, which keeps the shop open. */
function startDemo(): Command {
  const directory = newDirectory();
  const args = [
    'demo',
    '--json',
    '--load-seconds',
    '3',
    '--http-port',
    '0',
    '--otlp-http-port',
    '0',
    '--otlp-grpc-port',
    '0',
  ];
  const demo = runCommand([...args, '--data-dir', directory]);
  onTestFinished(async () => {
    if (isAlive(demo.pid)) process.kill(demo.pid, 'SIGTERM');
    await demo.exited;
    rmSync(directory, { recursive: true, maxRetries: 5 });
  });
  return demo;
}

/** Every process that was seen below the command while it ran. */
function watchDescendants(command: Command): ReadonlySet<number> {
  const seen = new Set<number>();
  const timer = setInterval(() => {
    for (const pid of descendantsOf(command.pid)) seen.add(pid);
  }, 200);
  void command.exited.then(() => clearInterval(timer));
  return seen;
}

function jsonLine(command: Command): Told {
  const told = jsonLineOf(command);
  if (told === undefined) throw new Error(`no line of JSON in:\n${command.output()}`);
  return told;
}

function jsonLineOf(command: Command): Told | undefined {
  const line = command
    .output()
    .split('\n')
    .find((text) => text.startsWith('{"shopUrl"') && text.endsWith('}'));
  if (line === undefined) return undefined;
  const told: Told = JSON.parse(line);
  return told;
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  const answer: T = await response.json();
  return answer;
}

function spansByService(trace: TracesData): Map<string, Span[]> {
  const spans = new Map<string, Span[]>();
  for (const { resource, scopeSpans } of trace.resourceSpans) {
    const service = findAttribute(resource?.attributes, 'service.name')?.stringValue ?? '';
    spans.set(service, [...(spans.get(service) ?? []), ...scopeSpans.flatMap((scope) => scope.spans)]);
  }
  return spans;
}

function find(spans: readonly Span[] | undefined, condition: (span: Span) => boolean): Span {
  const found = spans?.find(condition);
  if (found === undefined) throw new Error('there is no such span');
  return found;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
