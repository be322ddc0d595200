import { ApiClient, type ExplainRequest } from '../packages/trace/dist/client/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faults, toTracesData } from './faults/index.ts';
import type { Incident, TimeWindow } from './faults/incident.ts';
import { isSpoolEmpty, startCollector, type Collector } from './support/collector.ts';
import { eventually } from './support/processes.ts';

/** So many spans a request. */
const SPANS_PER_REQUEST = 2_000;

const asked = ({ fromUnixNano, toUnixNano }: TimeWindow) => ({
  fromUnixNano: String(fromUnixNano),
  toUnixNano: String(toUnixNano),
});

/** Incidents whose windows do not overlap: each is at another time, as the generator chose it. */
describe('an incident, asked about over the API', () => {
  let collector: Collector;
  let client: ApiClient;
  beforeAll(async () => {
    collector = await startCollector();
    client = new ApiClient(collector.apiUrl);
  });
  afterAll(() => collector.stop());

  const send = async ({ spans }: Incident): Promise<void> => {
    for (let at = 0; at < spans.length; at += SPANS_PER_REQUEST) {
      const response = await fetch(`${collector.otlpUrl}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(toTracesData(spans.slice(at, at + SPANS_PER_REQUEST))),
      });
      expect([response.status, await response.json()]).toEqual([200, {}]);
    }
    // So many spans at once are found a moment later.
    await eventually('all spans are stored', async () => (await isSpoolEmpty(collector)) || undefined);
  };
  const explain = (incident: Incident) =>
    client.explainIncident({ baseline: asked(incident.baseline), incident: asked(incident.incident) });

  it.each([
    ['slow-statement-x10', 1],
    ['network-delay-into-one', 1],
    ['exceptions', 1],
    ['slow-instance', 1],
    ['early-return', 1],
    ['n-plus-one-after-deploy', 1],
  ])('%s has its cause named first, with spans that show it', async (name, seed) => {
    const incident = generate(name, seed);
    await send(incident);
    const { suspects, conclusion } = await explain(incident);
    expect(conclusion).not.toBe('nothing-unusual');
    expect(incident.truth.services).toContain(suspects[0]?.service);
    const [evidence] = suspects[0]!.evidence;
    const ofIncident = new Set(incident.spans.map(({ spanId }) => spanId));
    expect(evidence!.spanIds.length).toBeGreaterThan(0);
    expect(evidence!.spanIds.every((id) => ofIncident.has(id))).toBe(true);
    await client.trace(evidence!.traceIds[0]!);
  });

  it.each([
    ['slow-for-one-tenant', 1],
    ['failing-for-one-country', 1],
  ])('%s names the attribute that the affected requests have in common', async (name, seed) => {
    const incident = generate(name, seed);
    await send(incident);
    const { suspects } = await explain(incident);
    expect(incident.truth.services).toContain(suspects[0]?.service);
    const [attribute] = suspects[0]!.attributes;
    expect(incident.truth.description).toContain(attribute?.value);
    expect(attribute!.share).toBeGreaterThan(attribute!.otherShare);
  });

  it('that is none is nothing unusual', async () => {
    const incident = generate('nothing', 1);
    await send(incident);
    expect(await explain(incident)).toMatchObject({ conclusion: 'nothing-unusual', warnings: [] });
  });

  it('is listed as changes with the same suspects', async () => {
    const incident = generate('failing-version', 2);
    await send(incident);
    const { baseline, incident: range } = incident;
    const changes = await client.changes({
      from: String(range.fromUnixNano),
      to: String(range.toUnixNano),
      baselineFrom: String(baseline.fromUnixNano),
      baselineTo: String(baseline.toUnixNano),
    });
    const { suspects, conclusion } = await explain(incident);
    expect(changes).toMatchObject({ suspects, conclusion });
    const [service] = incident.truth.services;
    const kinds = changes.changes.filter((change) => change.service === service).map(({ kind }) => kind);
    expect(kinds).toContain('new-version');
    expect(kinds).toContain('failures');
    const ofService = await client.changes({
      from: String(range.fromUnixNano),
      to: String(range.toUnixNano),
      baselineFrom: String(baseline.fromUnixNano),
      baselineTo: String(baseline.toUnixNano),
      service: service!,
      limit: 1,
    });
    expect(ofService).toMatchObject({ changes: [{ service }], truncated: true });
  });

  it('without any trace in a window is not enough evidence, and says so', async () => {
    const hour = { fromUnixNano: '1000000000000000000', toUnixNano: '1000003600000000000' };
    const later = { fromUnixNano: '4000000000000000000', toUnixNano: '4000003600000000000' };
    const explained = await client.explainIncident({ baseline: hour, incident: later });
    expect(explained).toMatchObject({ conclusion: 'not-enough-evidence', suspects: [] });
    expect(explained.warnings).toHaveLength(2);
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'invalid_windows'],
    ['no windows', {}, 'invalid_windows'],
    ['one window', { baseline: { fromUnixNano: '1', toUnixNano: '2' } }, 'invalid_windows'],
    ['a window that ends before it begins', windows(['5', '4'], ['6', '7']), 'invalid_windows'],
    ['an empty window', windows(['5', '5'], ['6', '7']), 'invalid_windows'],
    ['windows that overlap', windows(['1', '5'], ['4', '7']), 'invalid_windows'],
    ['a moment that is no number', windows(['1', '2'], ['4', '-7']), 'invalid_windows'],
    ['a moment after all moments', windows(['1', '2'], ['4', '9999999999999999999']), 'invalid_windows'],
    ['a member that nobody knows', { ...windows(['1', '2'], ['4', '7']), model: 'x' }, 'invalid_windows'],
  ])('with %s is refused', async (_, body, code) => {
    const response = await fetch(`${collector.apiUrl}/api/v1/incidents/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const problem = (await response.json()) as { error?: { code: string } };
    expect([response.status, problem.error?.code]).toEqual([400, code]);
  });
});

function windows([from, to]: [string, string], [laterFrom, laterTo]: [string, string]): ExplainRequest {
  return {
    baseline: { fromUnixNano: from, toUnixNano: to },
    incident: { fromUnixNano: laterFrom, toUnixNano: laterTo },
  };
}

function generate(name: string, seed: number): Incident {
  return faults.find((fault) => fault.name === name)!.generate(seed);
}
