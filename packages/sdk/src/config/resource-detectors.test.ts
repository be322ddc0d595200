import { hostname } from 'node:os';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { detectResources, hostDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from './resolve.ts';
import { detectResource, Tracer, type ResourceDetector } from '../index.ts';
import { decodeRequest } from '../export/format/otlp-decoder.ts';
import { startRawSink } from '../test-support/raw-sink.ts';

const gives = (attributes: Record<string, unknown>, schemaUrl?: string): ResourceDetector => ({
  detect: () => ({ attributes, schemaUrl }),
});
const SCHEMA = 'https://opentelemetry.io/schemas/1.37.0';

describe('detectResource', () => {
  it('asks detectors of the standard SDK, whose attributes may come later; the last one counts', async () => {
    const { resource } = await detectResource([
      hostDetector,
      gives({ region: Promise.resolve('north'), zone: 'a' }),
      { detect: async () => resourceFromAttributes({ zone: 'b' }) },
    ]);
    expect(resource).toMatchObject({ 'host.name': hostname(), region: 'north', zone: 'b' });
    const theirs = detectResources({ detectors: [hostDetector] });
    expect(resource['host.arch']).toBe(theirs.attributes['host.arch']);
  });

  it('waits for what a resource of the standard SDK does not know yet', async () => {
    const { resource } = await detectResource([
      { detect: () => resourceFromAttributes({ zone: Promise.resolve('b'), lost: Promise.reject(new Error('no')) }) },
    ]);
    expect(resource).toEqual({ zone: 'b' });
  });

  it('omits what no attribute can hold, so that a tracer can be made, and needs no detectors', async () => {
    const found = await detectResource([gives({ a: Symbol('a'), b: () => 1, c: null, d: 'd' })]);
    expect(found.resource).toEqual({ d: 'd' });
    expect(resolveConfig(found, {}).resource).toMatchObject({ d: 'd' });
    expect(await detectResource(undefined as unknown as [])).toEqual({ resource: {} });
  });

  it('omits what fails, is unknown, or takes too long', async () => {
    const detectors: ResourceDetector[] = [
      { detect: () => expect.fail('detector') },
      { detect: () => new Promise(() => 0) },
      { detect: () => undefined as never },
      gives({ never: new Promise(() => 0), refused: Promise.reject(new Error('no')), unknown: undefined, known: 1 }),
    ];
    expect(await detectResource(detectors, 20)).toEqual({ resource: { known: 1 } });
  });

  it.each([
    [[SCHEMA, undefined, SCHEMA], SCHEMA],
    [[SCHEMA, 'https://opentelemetry.io/schemas/1.0.0'], undefined],
    [[undefined, ''], undefined],
  ])('answers for the schemas %j the schema %s', async (urls, expected) => {
    const { resourceSchemaUrl } = await detectResource(urls.map((url) => gives({}, url)));
    expect(resourceSchemaUrl).toBe(expected);
  });
});

describe("a resource's schema", () => {
  it.each(['http/protobuf', 'http/json'] as const)('is sent as %s, and shown to exporters', async (protocol) => {
    const sink = await startRawSink();
    const seen = new InMemorySpanExporter();
    const detected = await detectResource([gives({ 'host.name': 'h' }, SCHEMA)]);
    const tracer = new Tracer({ endpoint: sink.url, protocol, register: false, spanExporters: [seen], ...detected });
    tracer.startSpan('x').end();
    await tracer.flush();
    const [body = Buffer.of()] = sink.bodies;
    const request: unknown = protocol === 'http/json' ? JSON.parse(body.toString()) : decodeRequest(body);
    expect(request).toMatchObject({
      resourceSpans: [{ schemaUrl: SCHEMA, scopeSpans: [{ scope: { name: '@throughline/sdk' } }] }],
    });
    expect(seen.getFinishedSpans()[0]?.resource).toMatchObject({
      schemaUrl: SCHEMA,
      attributes: { 'host.name': 'h' },
    });
    await tracer.shutdown();
    await sink.close();
  });
});

/** What is detected besides the SDK and the service. */
function detectedBy(value: string | undefined): string[] {
  const variables = { OTEL_NODE_RESOURCE_DETECTORS: value, OTEL_RESOURCE_ATTRIBUTES: 'team=a' };
  const keys = Object.keys(resolveConfig({}, variables).resource);
  return keys.filter((key) => !key.startsWith('telemetry.sdk.') && key !== 'service.name').toSorted();
}

describe('OTEL_NODE_RESOURCE_DETECTORS', () => {
  const PROCESS = ['process.pid', 'process.runtime.name', 'process.runtime.version'];

  it.each([
    [undefined, ['host.name', ...PROCESS, 'team']],
    ['none', []],
    ['host', ['host.name']],
    ['env, os', ['os.type', 'os.version', 'team']],
    ['process,serviceinstance', [...PROCESS, 'service.instance.id']],
    ['all', ['host.name', 'os.type', 'os.version', ...PROCESS, 'service.instance.id', 'team']],
  ])('as %s detects %j', (value, expected) => {
    expect(detectedBy(value)).toEqual(expected);
  });

  it('warns of names that it does not know, and detects by the others', () => {
    const { warnings, resource } = resolveConfig({}, { OTEL_NODE_RESOURCE_DETECTORS: 'host,container,os' });
    expect(warnings).toEqual([expect.stringMatching(/^OTEL_NODE_RESOURCE_DETECTORS: .*"container" ignored; .*env, /)]);
    expect(Object.keys(resource)).toEqual(expect.arrayContaining(['host.name', 'os.type']));
  });
});
